"""`parse_head` takes what gunicorn would read the same way, and leaves it the rest."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser

from dubhe_sdk.contract.requests import ROUTES, RequestType
from dubhe_sdk.service.web.http.request_head import is_heartbeat, parse_head

POST = b"POST /predict/multiple HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "head",
    [
        POST + b"Host: a\r\nContent-Length: 12\r\n\r\n",
        POST + b"content-length:12\r\nConnection: close\r\n\r\n",
        POST + b"Content-Length:   012  \r\nConnection: Keep-Alive\r\n\r\n",
        b"GET /heart HTTP/1.1\r\n\r\n",
        b"GET /heart HTTP/1.1\r\nX-Empty:\r\nAccept: */*\r\nUser-Agent: \xe4\xb8\xad\r\n\r\n",
        b"POST /train/start HTTP/1.1\r\nContent-Type: application/json; charset=utf-8\r\n\r\n",
    ],
)
def test_it_reads_as_gunicorn_does(head: bytes) -> None:
    found = parse_head(head)
    request = next(get_parser(Config(), iter([head, b"x" * 100]), ("127.0.0.1", 1)))
    assert found is not None
    assert found.type_ is ROUTES[request.path]
    assert found.length == len(request.body.read())
    assert found.closes == request.should_close()


@pytest.mark.parametrize(
    "head",
    [
        b"POST /predict/multiple HTTP/1.0\r\n\r\n",
        b"HEAD /heart HTTP/1.1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\n\r\n",
        b"GET /heart?a=1 HTTP/1.1\r\n\r\n",
        b"GET  /heart HTTP/1.1\r\n\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        POST + b"Content-Length: 1\r\ncontent-length: 2\r\n\r\n",
        POST + b"Content-Length: +1\r\n\r\n",
        POST + b"Content-Length: 1, 1\r\n\r\n",
        POST + b"Content-Length: \r\n\r\n",
        POST + b"Content-Length: 99999999999\r\n\r\n",
        POST + b"Content-Length : 1\r\n\r\n",
        POST + b"Content_Length: 1\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"transfer-encoding: identity\r\n\r\n",
        POST + b"X: a\r\n b\r\n\r\n",
        POST + b"X: a\n\r\n\r\n",
        POST + b"X: a\rb\r\n\r\n",
        POST + b"X: a\0\r\n\r\n",
        POST + b"X: a\tb\r\n\r\n",
        POST + b": a\r\n\r\n",
        POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        POST + b"Content-Encoding: gzip\r\n\r\n",
        POST + b"Host: a\r\nHost: a\r\n\r\n",
        POST + b"X: 1\r\n" * 65 + b"\r\n",
        POST + b"X: " + b"y" * 5000 + b"\r\n\r\n",
    ],
)
def test_what_is_unusual_is_left_to_gunicorn(head: bytes) -> None:
    assert parse_head(head) is None


def test_heartbeats_are_known_by_their_beginning() -> None:
    assert is_heartbeat(b"GET /heart HTTP/1.1\r\n")
    assert is_heartbeat(b"HEAD /heart?x HTTP/1.0\r\n")
    assert not is_heartbeat(POST)
    assert not is_heartbeat(b"")
    assert parse_head(POST + b"\r\n") == (RequestType.INFERENCE, 0, False)
