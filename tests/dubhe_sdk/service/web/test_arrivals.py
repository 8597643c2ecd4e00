"""Requests that arrive together, over both protocols."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
from collections.abc import Iterable
from typing import Any

import pytest

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
