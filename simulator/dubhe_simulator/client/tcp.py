"""Requests over TCP: a 4-byte big-endian length and that many bytes of JSON, both ways."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import Any

from dubhe_simulator.client.base import REPLY_LIMIT, NoAnswer, decode, encode

_LENGTH = struct.Struct(">I")


class TcpClient:
    """A client for ``tcp`` algorithms. Its connection serves many requests, one after another.

    After a failure it hangs up, since the late reply would be taken for the next one's; the next
    request connects anew.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._sock: socket.socket | None = None

    def request(self, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """See `Client.request`."""
        payload = encode(body)
        try:
            if self._sock is None:
                self._sock = socket.create_connection(self._address, timeout)
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.settimeout(timeout)
            self._sock.sendall(_LENGTH.pack(len(payload)) + payload)
            (length,) = _LENGTH.unpack(self._receive(self._sock, _LENGTH.size))
            if length > REPLY_LIMIT:
                raise NoAnswer(f"a reply of {length} bytes is announced")
            return decode(self._receive(self._sock, length))
        except NoAnswer:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Hang up."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    @staticmethod
    def _receive(sock: socket.socket, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            chunk = sock.recv(min(size - len(received), 1 << 20))
            if not chunk:
                raise NoAnswer(f"the connection closed after {len(received)} of {size} bytes")
            received += chunk
        return bytes(received)
