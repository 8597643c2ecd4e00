"""What becomes of requests whose client has gone, over both protocols."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.contract.framing import pack
from dubhe_sdk.service.web.client import is_closed, is_reset
from tests.dubhe_sdk.service.web.conftest import Start
from tests.dubhe_sdk.service.web.http.test_routes import read_body
from tests.dubhe_sdk.service.web.support import TcpClient, Web, inference_request, refusal
from tests.support.waiting import wait_for


def request_bytes(protocol: str, name: str) -> bytes:
    body = json.dumps(inference_request(image_names=[name])).encode()
    if protocol == "tcp":
        return pack(body)
    return b"POST /predict/multiple HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def reset(sock: socket.socket) -> None:
    """Close it so that the other end gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Slow:
    """A model that is held up by its first request; records the names it was given."""

    def __init__(self, web: Web) -> None:
        self.names: list[str] = []
        self.go_on = threading.Event()
        web.model.answer = self._answer

    def _answer(self, request: dict[str, Any]) -> bytes:
        self.names += request["image_names"]
        assert self.go_on.wait(20)
        return b"+[]"


@contextlib.contextmanager
def waiting(web: Web, protocol: str, names: list[str]) -> Iterator[list[socket.socket]]:
    """Send a request for each name, in this order: the first one runs, the others wait."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for name in names:
            sock = stack.enter_context(web.connect())
            sock.sendall(request_bytes(protocol, name))
            sockets.append(sock)
            heartbeat(web, protocol)  # is answered behind it: the request has arrived
        web.model.wait_running(1)
        yield sockets


def heartbeat(web: Web, protocol: str) -> None:
    with web.connect() as sock:
        if protocol == "tcp":
            sock.sendall(pack(b'{"req_type": 0}'))
            assert sock.recv(1)
        else:
            sock.sendall(b"GET /heart HTTP/1.1\r\n\r\n")
            assert b"service online" in read_body(sock)


def wait_left(web: Web, number: int) -> None:
    """Wait until the kernel has noticed that clients have gone."""
    wait_for(lambda: established(web) <= number, lambda: f"{established(web)} are left")


def established(web: Web) -> int:
    table = Path(f"/proc/{web.process.pid}/net/tcp").read_text()
    lines = [line.split() for line in table.splitlines()[1:]]
    return sum(f[1] == f"0100007F:{web.port:04X}" and f[3] == "01" for f in lines)


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_a_request_whose_client_was_reset_is_not_run(start: Start, protocol: str) -> None:
    web = start(protocol, queue=20)
    model = Slow(web)
    names = ["first", *(f"gone {number}" for number in range(10)), "last"]
    with waiting(web, protocol, names) as sockets:
        for sock in sockets[1:-1]:
            reset(sock)
        wait_left(web, 2)
        model.go_on.set()
        web.model.wait_served(2)
        if protocol == "http":
            for sock in (sockets[0], sockets[-1]):
                assert json.loads(read_body(sock))["flag"] == 1
        else:
            for sock in (sockets[0], sockets[-1]):
                assert sock.recv(4)
    assert model.names == ["first", "last"]
    assert web.model.served == 2
    wait_for(lambda: b"their client had gone: 1, the last" in web.stderr, lambda: web.stderr)
    assert b"Traceback" not in web.stderr


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_the_places_of_those_that_have_gone_are_free(start: Start, protocol: str) -> None:
    web = start(protocol, queue=3)
    model = Slow(web)
    with waiting(web, protocol, ["first", "a", "b", "c"]) as sockets, web.connect() as late:
        for sock in sockets[1:]:
            reset(sock)
        wait_left(web, 2)
        late.sendall(request_bytes(protocol, "late"))
        heartbeat(web, protocol)
        model.go_on.set()
        assert late.recv(1)
    assert model.names == ["first", "late"]


def test_over_http_a_closed_connection_has_gone(start: Start) -> None:
    web = start("http", queue=20)
    model = Slow(web)
    with waiting(web, "http", ["first", "closed", "half", "last"]) as sockets:
        sockets[1].close()
        sockets[2].shutdown(socket.SHUT_WR)  # looks the same, and is told so
        wait_left(web, 2)
        model.go_on.set()
        assert json.loads(read_body(sockets[3]))["flag"] == 1
        assert "the client closed the connection" in refusal(json.loads(read_body(sockets[2])))
    assert model.names == ["first", "last"]


def test_over_tcp_who_sends_no_more_still_waits(start: Start) -> None:
    web = start("tcp", queue=20)
    model = Slow(web)
    with waiting(web, "tcp", ["first", "half"]) as sockets:
        sockets[1].shutdown(socket.SHUT_WR)
        wait_left(web, 1)
        model.go_on.set()
        assert sockets[1].recv(4)
    assert model.names == ["first", "half"]


def test_a_running_request_goes_on(start: Start) -> None:
    web = start("tcp")
    model = Slow(web)
    with waiting(web, "tcp", ["first"]) as (sock,):
        reset(sock)
        model.go_on.set()
        assert TcpClient(web).json(inference_request())["flag"] == 1
    assert model.names == ["first", "a.jpg"]


def test_states_of_a_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for end, closed, is_reset_then in (
            (lambda sock: None, False, False),
            (lambda sock: sock.shutdown(socket.SHUT_WR), True, False),
            (reset, True, True),
        ):
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            end(client)
            wait_for(lambda: is_closed(server) is closed, "the state")  # noqa: B023
            assert is_reset(server) is is_reset_then
            client.close()
            server.close()
            assert is_closed(server) and is_reset(server)
