from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dubhe_simulator.client.base import NoAnswer
from dubhe_simulator.client.http import HttpClient


class Server(http.server.ThreadingHTTPServer):
    status = 200
    reply = b'{"flag": 1, "message": "service online"}'
    seen: list[tuple[str, Any]]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.reply)))
        self.end_headers()
        self.wfile.write(self.server.reply)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("req_type", "route"),
    [(0, "/heart"), (1, "/train/start"), (2, "/predict/batch"), (3, "/predict/multiple")],
)
def test_each_type_of_request_has_its_route(server: Server, req_type: int, route: str) -> None:
    client = HttpClient(*server.server_address[:2])  # type: ignore[arg-type]
    body = {"req_type": req_type, "instance_id": "缺陷-b-train-1"}
    assert client.request(body, 5) == {"flag": 1, "message": "service online"}
    assert server.seen == [(route, body)]


def test_a_refusal_is_an_answer_whatever_its_status(server: Server) -> None:
    server.status, server.reply = 400, b'{"flag": 2, "message": "param error"}'
    client = HttpClient(*server.server_address[:2])  # type: ignore[arg-type]
    assert client.request({"req_type": 0}, 5)["flag"] == 2


@pytest.mark.parametrize("reply", [b"<html>", b"[1]", b""])
def test_what_is_not_an_object_is_no_answer(server: Server, reply: bytes) -> None:
    server.status, server.reply = 502, reply
    client = HttpClient(*server.server_address[:2])  # type: ignore[arg-type]
    with pytest.raises(NoAnswer, match="HTTP 502"):
        client.request({"req_type": 0}, 5)


def test_nobody_listens() -> None:
    with pytest.raises(NoAnswer, match="ConnectionRefused"):
        HttpClient("127.0.0.1", 1).request({"req_type": 0}, 5)


BODY = b'{"flag": 1}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD + b"Content-Length: 11\r\n\r\n" + BODY,),
        (HEAD + b"content-length:11\r\n\r\n", BODY[:4], BODY[4:]),
        (HEAD[:20], HEAD[20:] + b"Content-Length: 11\r\n\r\n" + BODY),
        (HEAD + b"Content-Length: 11\r\n\r\n" + BODY + b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (HEAD + b"\r\n", BODY),
        (b"HTTP/1.0 200 OK\r\n\r\n" + BODY,),
        (b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"Content-Length: 11\r\n\r\n" + BODY),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"4\r\n" + BODY[:4] + b"\r\n7\r\n",
         BODY[4:] + b"\r\n0\r\n\r\n"),
    ],
    ids=[
        "usual", "body in pieces", "head in pieces", "more than announced", "up to the end", "1.0",
        "continue", "chunks",
    ],
)  # fmt: skip
def test_a_reply_in_whatever_form(pieces: tuple[bytes, ...]) -> None:
    assert ask(pieces) == {"flag": 1}


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ((), "RemoteDisconnected"),
        ((b"\x00\x00\x00\x0b" + BODY,), "BadStatusLine"),
        ((HEAD + b"Content-Length: 11\r\n\r\n" + BODY[:4],), "HTTP 200: the reply is not JSON"),
    ],
)
def test_no_reply(pieces: tuple[bytes, ...], text: str) -> None:
    with pytest.raises(NoAnswer, match=text):
        ask(pieces)


def ask(pieces: tuple[bytes, ...]) -> dict[str, Any]:
    """Ask a server that answers with these pieces."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            return HttpClient(*listener.getsockname()).request({"req_type": 0}, 5)
        finally:
            thread.join()
