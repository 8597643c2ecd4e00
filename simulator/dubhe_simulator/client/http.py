"""Requests over HTTP: JSON in the body, one route per type of request.

The usual reply is read here: `http.client` takes four times the processor time, and a platform
sends many heartbeats when nothing else happens. What is unusual is left to it.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
from collections.abc import Mapping
from typing import IO, Any

from dubhe_sdk.contract.requests import ROUTES, RequestType
from dubhe_simulator.client.base import REPLY_LIMIT, NoAnswer, decode, encode

_ROUTE_OF = {type_: route for route, type_ in ROUTES.items()}
_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n")
_HEAD_LIMIT = 64 * 1024


class HttpClient:
    """A client for ``http`` algorithms; every request has a connection of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        name = f"[{host}]" if ":" in host else host
        self._headers = (
            f"Host: {name}:{port}\r\nAccept-Encoding: identity\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )

    def request(self, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """See `Client.request`."""
        route = _ROUTE_OF[RequestType(body["req_type"])]
        payload = encode(body)
        head = f"POST {route} HTTP/1.1\r\n{self._headers}{len(payload)}\r\n\r\n".encode()
        try:
            with socket.create_connection(self._address, timeout) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(head + payload)
                status, reply = _read(connection)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"POST {route}: {type(error).__name__}: {error}") from error
        try:
            return decode(reply)  # a refusal is an answer, whatever its HTTP status
        except NoAnswer as error:
            raise NoAnswer(f"POST {route}: HTTP {status}: {error}") from None

    def close(self) -> None:
        """Nothing is held between requests."""


def _read(connection: socket.socket) -> tuple[int, bytes]:
    """Return a reply's status and body."""
    found = connection.recv(_HEAD_LIMIT)
    head, end, body = found.partition(b"\r\n\r\n")
    status = _STATUS.match(head)
    lower = head.lower() + b"\r\n"
    length = _LENGTH.search(lower)
    if not end or status is None or length is None or b"\r\ntransfer-encoding:" in lower:
        return _read_unusual(connection, found)
    left = min(int(length[1]), REPLY_LIMIT) - len(body)
    if left <= 0:
        return int(status[1]), body[: len(body) + left]
    pieces = [body]
    while left > 0:
        piece = connection.recv(min(left, 1 << 20))
        if not piece:
            break  # `decode` says what is there
        pieces.append(piece)
        left -= len(piece)
    return int(status[1]), b"".join(pieces)


def _read_unusual(connection: socket.socket, found: bytes) -> tuple[int, bytes]:
    """Return the same where that is more work: in chunks, in pieces, up to the connection's end."""
    replayed: Any = _Replayed(connection, found)
    with http.client.HTTPResponse(replayed, method="POST") as response:
        response.begin()
        return response.status, response.read(REPLY_LIMIT)


class _Replayed(io.RawIOBase):
    """A connection of which something has been read already, as `http.client` reads it."""

    def __init__(self, connection: socket.socket, found: bytes) -> None:
        self._connection = connection
        self._found = found

    def makefile(self, mode: str) -> IO[bytes]:
        """Return it as what `http.client` reads from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, with what was read before at first."""
        if not self._found:
            return self._connection.recv_into(buffer)
        size = min(len(buffer), len(self._found))
        buffer[:size], self._found = self._found[:size], self._found[size:]
        return size
