"""The load generator, against servers that answer as they are told."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks.serving.reply import framed_end, http_end

Answer = Callable[[int], bytes]


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], int]]:
    """Start a server of one thread per client; it answers each request by its number."""
    listeners: list[socket.socket] = []

    def client(sock: socket.socket, answer: Answer) -> None:
        number = 0
        with sock:
            while sock.recv(65536):
                try:
                    reply = answer(number)
                    sock.sendall(reply)
                except OSError:
                    return
                if b"onnection: close" in reply:
                    return
                number += 1

    def accept(listener: socket.socket, answer: Answer) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=client, args=(sock, answer), daemon=True).start()

    def start(answer: Answer) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=accept, args=(listener, answer), daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def load(port: int, **more: Any) -> dict[str, Any]:
    request = {"port": port, "message": b"hello".hex(), "http": True, "good": '"flag":1'}
    request |= {"clients": 2, "seconds": 0.5, "warm": 0.1, "pause": 0, **more}
    command = [sys.executable, "-m", "benchmarks.serving.load"]
    done = subprocess.run(command, input=json.dumps(request), stdout=-1, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def http(body: bytes, more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: x\r\n" + more
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_counts_replies_and_their_latency(serve: Callable[[Answer], int]) -> None:
    def answer(number: int) -> bytes:
        time.sleep(0.02)  # what the latency has to be
        return http(b'{"flag":1}')

    seen = load(serve(answer))
    assert 0.02 <= seen["p50"] < 0.2
    assert 0 < seen["rate"] <= 2 / 0.02
    assert seen["failed"] == 0


def test_a_refusal_is_no_good_reply(serve: Callable[[Answer], int]) -> None:
    port = serve(lambda number: http(b'{"flag":2}' if number % 2 else b'{"flag":1}'))
    seen = load(port, clients=1)
    assert seen["failed"] > 0
    assert seen["rate"] > 0


def test_goes_on_where_each_reply_closes_the_connection(serve: Callable[[Answer], int]) -> None:
    seen = load(serve(lambda number: http(b'{"flag":1}', b"Connection: close\r\n")))
    assert seen["rate"] > 0
    assert seen["failed"] == 0


def test_frames(serve: Callable[[Answer], int]) -> None:
    body = b'{"flag":1}'
    seen = load(serve(lambda number: struct.pack(">I", len(body)) + body), http=False)
    assert seen["rate"] > 0


def test_a_reply_owed_at_the_end_counts_as_a_latency(serve: Callable[[Answer], int]) -> None:
    def answer(number: int) -> bytes:
        time.sleep(0.4)  # longer than the load
        return http(b'{"flag":1}')

    seen = load(serve(answer), clients=1, warm=0, seconds=0.1)
    assert seen["rate"] == 0
    assert seen["longest"] >= 0.4


def test_a_pause_lies_between_reply_and_request(serve: Callable[[Answer], int]) -> None:
    seen = load(serve(lambda number: http(b'{"flag":1}')), clients=1, pause=0.05, seconds=1)
    assert 0 < seen["rate"] <= 21


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", None),
        (b"HTTP/1.1 200 OK\r\nContent-Type: a\r\ncontent-length: 2\r\n\r\nab", 57),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 59),
    ],
)
def test_where_a_response_ends(data: bytes, end: int | None) -> None:
    assert http_end(data) == end


def test_where_a_frame_ends() -> None:
    assert framed_end(b"\0\0") is None
    assert framed_end(b"\0\0\0\2a") is None
    assert framed_end(b"\0\0\0\2ab") == 6
