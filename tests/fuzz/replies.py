"""What every reply has to be, whatever was asked."""

from __future__ import annotations

import re
import socket

import orjson

_KEYS = {"flag", "message"}
_MORE = {"data", "request_number"}
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
# Within so long everything is answered or closed, on a machine that does other things too.
BOUND_SECONDS = 30.0


def check(body: bytes) -> int:
    """Return the flag of a reply, which has to be the contract's, and strict JSON."""
    value = orjson.loads(body)
    assert type(value) is dict and value.keys() >= _KEYS, body
    assert value.keys() <= _KEYS | _MORE, body
    flag = value["flag"]
    assert flag in (1, 2) and type(value["message"]) is str and value["message"], body
    assert flag == 1 or "data" not in value, body
    return int(flag)


class Bytes:
    """Reads from a socket what a length says."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""

    def frame(self) -> bytes:
        """Return a frame's payload."""
        size = int.from_bytes(self.exactly(4), "big")
        return self.exactly(size)

    def response(self) -> tuple[int, bytes]:
        """Return status and body of an HTTP reply."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._more()
        head, self._buffer = self._buffer[: end + 2], self._buffer[end + 4 :]
        assert head.startswith(b"HTTP/1.") and head[8:9] == b" ", head
        if head.startswith(b"HTTP/1.1 100 "):
            return self.response()
        found = _LENGTH.search(head)
        assert found, head
        return int(head[9:12]), self.exactly(int(found[1]))

    def exactly(self, size: int) -> bytes:
        """Return so many bytes."""
        while len(self._buffer) < size:
            self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def rest(self) -> bytes:
        """Return everything up to the end, which has to come within the bound."""
        try:
            while chunk := self._sock.recv(65536):
                self._buffer += chunk
        except ConnectionError:
            pass  # reset: closed too
        return self._buffer

    def _more(self) -> None:
        chunk = self._sock.recv(65536)
        if not chunk:
            raise ConnectionError(f"closed before a reply; left: {self._buffer[:200]!r}")
        self._buffer += chunk
