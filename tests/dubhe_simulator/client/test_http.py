from __future__ import annotations

import http.server
import json
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
