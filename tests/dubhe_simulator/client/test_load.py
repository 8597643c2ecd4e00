"""Clients that ask again as soon as they have their reply."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from dubhe_sdk.contract.framing import FrameReader, pack
from dubhe_simulator.client.address import Address
from dubhe_simulator.client.load import Load, load


class Server:
    """Answers over TCP, every third request by a refusal, once so many clients ask at once."""

    def __init__(self, together: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address("tcp", "127.0.0.1", self._listener.getsockname()[1])
        self.connections = 0
        self.requests = 0
        self._lock = threading.Lock()
        self._first = threading.Barrier(together, timeout=20)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = FrameReader(connection, 1000)
        with connection:
            while reader.read() is not None:
                with self._lock:
                    self.requests += 1
                    number = self.requests
                if number <= self._first.parties:
                    self._first.wait()
                if number % 3 == 0:
                    connection.sendall(pack(b'{"flag": 2, "message": "no"}'))
                else:
                    connection.sendall(pack(b'{"flag": 1, "message": "yes"}'))


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server(3)) as made:
        yield made


def test_each_client_has_a_connection_and_all_send_as_many_as_was_asked_for(
    server: Server,
) -> None:
    seen = load(server.address, {"req_type": 3}, 3, 30, 20.0, lambda count: None)
    assert (server.connections, server.requests) == (3, 30)
    assert len(seen.ms) == 20
    assert seen.failures == Counter({"no": 10})
    assert seen.rate == pytest.approx(20 / seen.seconds)


def test_nobody_is_there(server: Server) -> None:
    server.close()
    seen = load(server.address, {"req_type": 3}, 2, 4, 20.0, lambda count: None)
    assert seen.ms == []
    assert seen.failures.total() == 4


def test_percentiles() -> None:
    seen = Load([float(number) for number in range(100, 0, -1)])
    assert [seen.percentile(share) for share in (0.01, 0.5, 0.99, 1)] == [1, 50, 99, 100]
    assert Load([7.0]).percentile(0.5) == 7
