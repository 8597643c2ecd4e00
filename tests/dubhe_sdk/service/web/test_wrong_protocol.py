"""Requests in another protocol than the service's."""

from __future__ import annotations

import http.client
import json
import socket
import ssl

import pytest

from dubhe_sdk.contract.framing import pack
from tests.dubhe_sdk.service.web.http.test_routes import read_body
from tests.dubhe_sdk.service.web.support import HttpClient, TcpClient, Web, refusal
from tests.support.waiting import wait_for


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE"])
def test_http_to_a_tcp_service(tcp: Web, method: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", tcp.port, timeout=15)
    connection.request(method, "/heart", b"{}")
    response = connection.getresponse()
    assert response.status == 400
    if method != "HEAD":
        message = refusal(json.loads(response.read()))
        assert message.startswith("param error: this is a request in HTTP, but the service serves")
        assert 'export protocol="http"' in message
    wait_for(lambda: b"another protocol than TCP frames: " in tcp.stderr, lambda: tcp.stderr)
    assert TcpClient(tcp).send(b'{"req_type": 0}')["flag"] == 1


def test_who_has_sent_a_frame_gets_no_http(tcp: Web) -> None:
    client = TcpClient(tcp)
    assert client.send(b'{"req_type": 0}')["flag"] == 1
    client.sock.sendall(b"GET /heart HTTP/1.1\r\n\r\n")
    assert "too large" in refusal(client.reply())


def test_a_frame_to_an_http_service(http: Web) -> None:
    client = TcpClient(http)
    message = refusal(client.send(b'{"req_type": 0}'))
    assert message.startswith("param error: this is a request in TCP frames, but the service")
    assert 'export protocol="tcp"' in message
    client.sock.shutdown(socket.SHUT_WR)
    assert client.is_closed()
    assert HttpClient(http).send("/heart")["flag"] == 1


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_tls(request: pytest.FixtureRequest, protocol: str) -> None:
    web: Web = request.getfixturevalue(protocol)
    hello = client_hello()
    with web.connect() as sock:
        sock.sendall(hello)
        sock.shutdown(socket.SHUT_WR)
        if protocol == "http":
            message = refusal(json.loads(read_body(sock)))
        else:
            frame = sock.recv(65536)
            assert frame == pack(frame[4:])
            message = refusal(json.loads(frame[4:]))
    assert "a request in TLS" in message and "without TLS" in message


def client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_a_long_frame_is_no_other_protocol(tcp: Web) -> None:
    client = TcpClient(tcp)
    client.sock.sendall(b"\0\xff\xff\xff")
    assert "too large" in refusal(client.reply())
