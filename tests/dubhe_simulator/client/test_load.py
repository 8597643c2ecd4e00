"""Clients that ask again as soon as they have their reply."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from dubhe_simulator.client.address import Address
from dubhe_simulator.client.load import Load, load
from tests.dubhe_simulator.client.test_tcp import Server, frame


class Answers:
    """Refuses every third request; the first ones are answered once so many clients ask at once."""

    def __init__(self, together: int) -> None:
        self.requests = 0
        self._lock = threading.Lock()
        self._first = threading.Barrier(together, timeout=20)

    def __call__(self, body: bytes) -> bytes:
        with self._lock:
            self.requests += 1
            number = self.requests
        if number <= self._first.parties:
            self._first.wait()
        return frame({"flag": 2, "message": "no"} if number % 3 == 0 else {"flag": 1})


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server()) as made:
        yield made


def address(server: Server) -> Address:
    return Address("tcp", "127.0.0.1", server.port)


def test_each_client_has_a_connection_and_all_send_as_many_as_was_asked_for(
    server: Server,
) -> None:
    server.answer = answers = Answers(together=3)
    seen = load(address(server), {"req_type": 3}, 3, 30, 20.0, lambda count: None)
    assert (server.connections, answers.requests) == (3, 30)
    assert len(seen.ms) == 20
    assert seen.failures == Counter({"no": 10})
    assert seen.rate == pytest.approx(20 / seen.seconds)


def test_nobody_is_there() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # taken, and nobody listens
        nobody = Address("tcp", "127.0.0.1", silent.getsockname()[1])
        seen = load(nobody, {"req_type": 3}, 2, 4, 20.0, lambda count: None)
    assert seen.ms == []
    assert seen.failures.total() == 4


def test_percentiles() -> None:
    seen = Load([float(number) for number in range(100, 0, -1)])
    assert [seen.percentile(share) for share in (0.01, 0.5, 0.99, 1)] == [1, 50, 99, 100]
    assert Load([7.0]).percentile(0.5) == 7
