from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dubhe_simulator.client.base import NoAnswer
from dubhe_simulator.client.tcp import TcpClient


class Server:
    """Accepts connections; `answer` gets each request's bytes and returns what to send."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.answer: Callable[[bytes], bytes | None] = lambda body: frame({"flag": 1})
        self.connections = 0
        self.seen: list[Any] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as file:
            while len(head := file.read(4)) == 4:
                body = file.read(struct.unpack(">I", head)[0])
                self.seen.append(json.loads(body))
                reply = self.answer(body)
                if reply is None:
                    return
                with contextlib.suppress(OSError):  # the client may have hung up
                    for index in range(len(reply)):  # one byte at a time
                        sock.sendall(reply[index : index + 1])


def frame(value: Any) -> bytes:
    payload = json.dumps(value).encode()
    return struct.pack(">I", len(payload)) + payload


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def client(server: Server) -> Iterator[TcpClient]:
    client = TcpClient("127.0.0.1", server.port)
    yield client
    client.close()


def test_many_requests_share_one_connection(server: Server, client: TcpClient) -> None:
    for number in range(3):
        assert client.request({"req_type": 0, "n": number, "名": "值"}, 5) == {"flag": 1}
    assert [request["n"] for request in server.seen] == [0, 1, 2]
    assert server.connections == 1


def test_a_hang_up_is_no_answer_and_the_next_request_connects_anew(
    server: Server, client: TcpClient
) -> None:
    server.answer = lambda body: None
    with pytest.raises(NoAnswer, match="closed after 0 of 4"):
        client.request({"req_type": 0}, 5)
    server.answer = lambda body: frame({"flag": 1})
    assert client.request({"req_type": 0}, 5) == {"flag": 1}
    assert server.connections == 2


def test_a_late_reply_is_not_taken_for_the_next_ones(server: Server, client: TcpClient) -> None:
    late = threading.Event()

    def slow(body: bytes) -> bytes:
        late.wait(10)
        return frame({"flag": 1, "message": "late"})

    server.answer = slow
    with pytest.raises(NoAnswer, match=r"timed out|TimeoutError"):
        client.request({"req_type": 0}, 0.05)
    late.set()
    server.answer = lambda body: frame({"flag": 1, "message": "fresh"})
    assert client.request({"req_type": 0}, 5)["message"] == "fresh"


@pytest.mark.parametrize(
    ("reply", "match"),
    [
        (struct.pack(">I", 3) + b"{{{", "not JSON"),
        (frame([1]), "not a JSON object"),
        (b"\xff\xff\xff\xff", "is announced"),
    ],
)
def test_an_unusable_reply(server: Server, client: TcpClient, reply: bytes, match: str) -> None:
    server.answer = lambda body: reply
    with pytest.raises(NoAnswer, match=match):
        client.request({"req_type": 0}, 5)


def test_nobody_listens() -> None:
    with pytest.raises(NoAnswer, match="ConnectionRefused"):
        TcpClient("127.0.0.1", 1).request({"req_type": 0}, 5)
