"""Every limit of `WebOptions`, and what HTTP may not be, with real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dubhe_sdk.contract.framing import pack
from dubhe_sdk.environment import MIB
from dubhe_sdk.service.web.limits.memory_budget import EXEMPT_BYTES
from dubhe_sdk.service.web.options import (
    MAX_HEADER_LINE_BYTES,
    MAX_HEADER_LINES,
    MAX_REQUEST_LINE_BYTES,
)
from tests.dubhe_sdk.service.web.conftest import Start
from tests.dubhe_sdk.service.web.http.test_routes import read_body
from tests.dubhe_sdk.service.web.support import (
    INSTANCE,
    HttpClient,
    TcpClient,
    Web,
    inference_request,
    refusal,
)
from tests.dubhe_sdk.service.web.test_client import request_bytes
from tests.fuzz.http import Said
from tests.fuzz.replies import Bytes
from tests.support.waiting import wait_for

ONLINE = {"flag": 1, "message": "service online"}
HEARTBEAT = {"req_type": 0, "instance_id": INSTANCE}
HEART = b"POST /heart HTTP/1.1\r\nHost: x\r\n"


def exchange(web: Web, data: bytes) -> list[tuple[int, dict[str, Any]]]:
    """Send bytes, say that no more come; return all replies up to the end of the stream."""
    with web.connect() as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        replies, said = [], Said(Bytes(sock).rest())
        while not said.is_over:
            status, body = said.response()
            replies.append((status, json.loads(body)))
        return replies


def test_the_limits_of_a_head_are_taken_and_no_more(http: Web) -> None:
    longest_line = b"X: %s\r\n" % (b"y" * (MAX_HEADER_LINE_BYTES - len("X: \r\n")))
    most_lines = b"".join(b"X-%d: 1\r\n" % number for number in range(MAX_HEADER_LINES - 1))
    path = b"/heart?" + b"x" * (MAX_REQUEST_LINE_BYTES - len("GET /heart? HTTP/1.1\r\n"))
    assert exchange(http, HEART + longest_line + b"\r\n") == [(200, ONLINE)]
    assert exchange(http, HEART + most_lines + b"\r\n") == [(200, ONLINE)]
    assert exchange(http, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n") == [(200, ONLINE)]
    for data, expected in (
        (HEART + longest_line[:-2] + b"y\r\n\r\n", 431),
        (HEART + most_lines + b"X: 1\r\n\r\n", 431),
        (b"GET " + path + b"xxx HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (HEART + b"X: " + b"y" * 10_000_000, 431),
        (b"G" * 10_000_000, 414),
    ):
        [(status, reply)] = exchange(http, data)
        assert status == expected
        assert "the HTTP request cannot be read" in refusal(reply)


SMUGGLED = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: 2\r\nContent-Length: 2\r\n",
        b"Content-Length: 2, 2\r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: -2\r\n",
        b"Content-Length: 0x2\r\n",
        b"Content-Length: 2 2\r\n",
        b"Content-Length : 2\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\n",
        b"X: a\r\n Transfer-Encoding: chunked\r\n",
        b"X: a\0\r\nContent-Length: 2\r\n",
        b"Content_Length: 2\r\n",
        b"Host: y\r\n",
    ],
)
def test_what_two_readers_could_read_differently_is_refused_and_closed(
    http: Web, head: bytes
) -> None:
    replies = exchange(http, HEART + head + b"\r\n{}" + SMUGGLED)
    if head.startswith(b"Content_Length"):  # no header at all: `{}` begins what is no request
        assert replies.pop(0) == (200, ONLINE)
    [(status, reply)] = replies
    assert status in (400, 501), replies
    assert "the HTTP request cannot be read" in refusal(reply)


@pytest.mark.parametrize(
    "chunks",
    [
        b"2\n{}\n0\n\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"2 \r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}XX0\r\n\r\n",
        b"2;a=\n\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n",
        b"2\r\n{}\r\n0\r\n" + b"X: 1\r\n" * 70 + b"\r\n",
        b"2;" + b"x" * 9000 + b"\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_a_chunk_that_two_readers_could_read_differently_ends_the_connection(
    http: Web, chunks: bytes
) -> None:
    replies = exchange(http, HEART + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + SMUGGLED)
    assert len(replies) == 1, replies  # what was smuggled behind it is not answered
    assert refusal(replies[0][1])


def test_http_1_0(http: Web) -> None:
    assert exchange(http, b"GET /heart HTTP/1.0\r\n\r\n" + SMUGGLED) == [(200, ONLINE)]
    kept = b"GET /heart HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    assert exchange(http, kept * 2) == [(200, ONLINE)] * 2
    [(status, _)] = exchange(
        http, b"POST /heart HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    assert status in (400, 501)


def test_a_version_or_a_protocol_that_is_not_supported(http: Web) -> None:
    for data in (
        b"GET /heart HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + HEART + b"\r\n",
        b"GET /heart\r\n\r\n",
    ):
        [(status, _)] = exchange(http, data)
        assert status == 400, data
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n"
    assert exchange(http, HEART + upgrade) == [(200, ONLINE)]  # answered as what it is


def test_pipelined_requests_are_answered_in_order(http: Web) -> None:
    http.model.answer = lambda request: b"+" + str(request["n"]).encode()
    data = b""
    for number in range(200):
        body = json.dumps(inference_request(n=number)).encode()
        head = b"POST /predict/multiple HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        data += head + body
    assert [reply["data"] for _, reply in exchange(http, data)] == list(range(200))


def test_headers_byte_by_byte_end_when_their_time_is_over(start: Start) -> None:
    timeout = 1.0
    web = start("http", env={"DUBHE_IDLE_TIMEOUT_SECONDS": str(timeout)})
    client = HttpClient(web)
    assert client.send("/heart") == ONLINE
    began = time.monotonic()
    with web.connect() as sock:
        sock.sendall(HEART + b"X: ")
        sock.settimeout(0.1)
        while True:  # a byte now and then does not lengthen it
            try:
                sock.sendall(b"y")
                if sock.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert time.monotonic() - began > 0.9 * timeout


def test_the_time_of_headers_is_not_that_of_the_request_before_them(start: Start) -> None:
    timeout = 0.5
    web = start("http", env={"DUBHE_IDLE_TIMEOUT_SECONDS": str(timeout)})

    def answer(request: dict[str, Any]) -> bytes:
        time.sleep(1.5 * timeout)
        return b"+[]"

    web.model.answer = answer
    with web.connect() as sock:
        sock.sendall(request_bytes("http", "a.png") + HEART)  # its end comes later
        assert json.loads(read_body(sock))["flag"] == 1
        time.sleep(timeout / 5)
        sock.sendall(b"\r\n")
        assert json.loads(read_body(sock)) == ONLINE


def test_a_scanner_does_not_fill_the_log(http: Web) -> None:
    for _ in range(50):
        [(status, _)] = exchange(http, b"\1\x16\x03\r\n\r\n")
        assert status == 400
    assert 1 <= http.stderr.count(b"not valid HTTP") <= 2, http.stderr  # one a minute


BUFFER = {"DUBHE_MAX_BUFFER_BYTES": str(MIB), "DUBHE_MAX_REQUEST_BYTES": str(MIB // 2)}


@contextlib.contextmanager
def hoarders(web: Web, beginning: bytes, number: int) -> Iterator[None]:
    """Clients that each send most of a large request and then wait."""
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            sock = stack.enter_context(web.connect())
            sock.sendall(beginning + b" " * (MIB // 4))
        yield


def busy(message: str) -> bool:
    return message.startswith("service is busy: requests that arrive or wait hold")


def test_requests_of_all_clients_are_bounded_together_over_http(start: Start) -> None:
    web = start("http", env=BUFFER)
    large = json.dumps(inference_request()).encode() + b" " * (MIB // 3)
    small = json.dumps(inference_request()).encode()
    head = b"POST /heart HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MIB // 2)
    with hoarders(web, head, 8):
        wait_for(lambda: busy(HttpClient(web).send("/predict/multiple", large)["message"]))
        assert HttpClient(web).send("/predict/multiple", small)["flag"] == 1
        assert HttpClient(web).send("/heart") == ONLINE
    wait_for(lambda: HttpClient(web).send("/predict/multiple", large)["flag"] == 1)


def test_requests_of_all_clients_are_bounded_together_over_tcp(start: Start) -> None:
    web = start("tcp", env=BUFFER)
    large = json.dumps(inference_request()).encode() + b" " * (MIB // 3)
    kept = TcpClient(web)
    with hoarders(web, (MIB // 2).to_bytes(4, "big"), 8):
        wait_for(lambda: busy(TcpClient(web).send(large)["message"]))
        assert kept.json(HEARTBEAT) == ONLINE
        kept.sock.sendall(pack(b" " * (EXEMPT_BYTES - 4 - len(json.dumps(HEARTBEAT))) + b"{}"))
        assert refusal(kept.reply()) == "req_type error"  # it was read
        assert kept.json(inference_request())["flag"] == 1
    wait_for(lambda: TcpClient(web).send(large)["flag"] == 1)
    for _ in range(20):  # what was taken is given back, request by request
        assert kept.send(large)["flag"] == 1
