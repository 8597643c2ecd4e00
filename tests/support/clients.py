"""The platform's side of both protocols, as small as can be."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")
_ROUTES = {0: "/heart", 1: "/train/start", 2: "/predict/batch", 3: "/predict/multiple"}
TIMEOUT_SECONDS = 20.0


class HttpClient:
    """Sends requests over HTTP, on one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def send(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request to the route of its type; return the reply."""
        return self.send_bytes(json.dumps(request).encode(), _ROUTES[request["req_type"]])

    def send_bytes(self, body: bytes, route: str) -> dict[str, Any]:
        """Send a body as it is."""
        self.begin(body, route)
        return self.finish()

    def begin(self, body: bytes, route: str) -> None:
        """Send a body and do not wait."""
        self._connection.request("POST", route, body, {"Content-Type": "application/json"})

    def finish(self) -> dict[str, Any]:
        """Return the reply to what was begun."""
        return json.loads(self._connection.getresponse().read())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class TcpClient:
    """Sends requests over TCP, on one connection."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)

    def send(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request; return the reply."""
        return self.send_bytes(json.dumps(request).encode())

    def send_bytes(self, body: bytes, route: str = "") -> dict[str, Any]:
        """Send a payload as it is."""
        self.begin(body, route)
        return self.finish()

    def begin(self, body: bytes, route: str = "") -> None:
        """Send a payload and do not wait."""
        self._sock.sendall(_LENGTH.pack(len(body)) + body)

    def finish(self) -> dict[str, Any]:
        """Return the reply to what was begun."""
        (length,) = _LENGTH.unpack(self._receive(_LENGTH.size))
        return json.loads(self._receive(length))

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self._sock.recv(size - len(data))
            if not chunk:
                raise ConnectionError(f"closed after {len(data)} of {size} bytes")
            data += chunk
        return data


CLIENTS = {"http": HttpClient, "tcp": TcpClient}
