"""Requests that arrive together, over both protocols."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from collections.abc import Iterable
from typing import Any

import gevent
import pytest

from dubhe_sdk.service.web.arrivals import ArrivalOrder
from tests.dubhe_sdk.service.web.conftest import Start
from tests.dubhe_sdk.service.web.http.test_routes import read_body
from tests.dubhe_sdk.service.web.support import Web
from tests.dubhe_sdk.service.web.test_client import heartbeat, request_bytes

NAMES = [f"{number}" for number in range(20)]


def served(web: Web, protocol: str, connections: Iterable[socket.socket]) -> list[str]:
    """Send a request on each connection while the web process stands still.

    Return the names in the order in which the model got them.
    """
    names: list[str] = []

    def answer(request: dict[str, Any]) -> bytes:
        names.extend(request["image_names"])
        return b"+[]"

    web.model.answer = answer
    heartbeat(web, protocol)  # by then every open connection waits for its next request
    web.process.send_signal(signal.SIGSTOP)
    try:
        sockets = []
        for sock, name in zip(connections, NAMES, strict=True):
            sockets.append(sock)
            sock.sendall(request_bytes(protocol, name))
    finally:
        web.process.send_signal(signal.SIGCONT)
    for sock in sockets:
        if protocol == "http":
            assert json.loads(read_body(sock))["flag"] == 1
        else:
            length = int.from_bytes(sock.recv(4, socket.MSG_WAITALL), "big")
            assert b'"flag":1' in sock.recv(length, socket.MSG_WAITALL)
    return names


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_on_new_connections(start: Start, protocol: str) -> None:
    web = start(protocol, queue=100)
    with contextlib.ExitStack() as stack:
        connecting = (stack.enter_context(web.connect()) for _ in NAMES)
        assert served(web, protocol, connecting) == NAMES


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_on_connections_that_were_open(start: Start, protocol: str) -> None:
    web = start(protocol, queue=100)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(web.connect()) for _ in NAMES]
        for sock in sockets:
            sock.sendall(request_bytes(protocol, "before"))
        for sock in sockets:
            assert sock.recv(1)
            while b'"data":[]' not in sock.recv(65536):
                pass
        for order in (sockets, sockets[::-1], [*sockets[10:], *sockets[:10]]):
            assert served(web, protocol, order) == NAMES


class Recorded:
    """A sleeper that writes down when it is woken, and takes some time."""

    def __init__(self, woken: list[str], name: str, seconds: float = 0.0) -> None:
        self._woken = woken
        self._name = name
        self._seconds = seconds

    def wake(self) -> None:
        self._woken.append(self._name)
        time.sleep(self._seconds)

    def peek(self, size: int) -> bytes:
        return self._name.encode()


def test_heartbeats_are_woken_before_those_that_came_first() -> None:
    woken: list[str] = []
    order = ArrivalOrder(lambda begun: begun.startswith(b"heart"))
    names = [f"{number}" for number in range(100)]
    for name in [*names, "heart 1", "heart 2"][:: order.step]:
        order.add(Recorded(woken, name))
    while len(woken) < len(names) + 2:
        gevent.sleep(0.001)
    assert woken == ["heart 1", "heart 2", *names]


def test_a_heartbeat_behind_a_few_slow_ones_waits_for_one_of_them() -> None:
    woken: list[str] = []
    order = ArrivalOrder(lambda begun: begun.startswith(b"heart"))
    for name in [*NAMES, "heart"][:: order.step]:
        order.add(Recorded(woken, name, seconds=0.003))
    while len(woken) <= len(NAMES):
        gevent.sleep(0.001)
    assert woken == [NAMES[0], "heart", *NAMES[1:]]


def test_a_heartbeat_that_comes_while_many_are_served_does_not_wait_for_them() -> None:
    woken: list[str] = []
    order = ArrivalOrder(lambda begun: begun.startswith(b"heart"))
    for name in NAMES[:: order.step]:
        order.add(Recorded(woken, name, seconds=0.003))
    reader, writer = socket.socketpair()
    with reader, writer:
        watcher = gevent.get_hub().loop.io(reader.fileno(), 1)

        def on_readable() -> None:
            watcher.close()
            order.add(Recorded(woken, "heart"))

        watcher.start(on_readable)
        writer.send(b"x")
        while len(woken) <= len(NAMES):
            gevent.sleep(0.001)
    assert woken.index("heart") <= 3
    assert [name for name in woken if name != "heart"] == NAMES
