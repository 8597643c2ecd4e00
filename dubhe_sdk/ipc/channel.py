"""`Channel`: JSON messages between the service parent and its children, over a socket pair."""

from __future__ import annotations

import json
import socket
from typing import Any

from dubhe_sdk.contract.framing import LENGTH, pack


class Channel:
    """One end. The parent polls it; the children wait on it.

    Messages are objects with an ``op``. Framing as in `dubhe_sdk.contract.framing`.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()

    def fileno(self) -> int:
        """Return the descriptor, for `selectors`."""
        return self._sock.fileno()

    def send(self, message: dict[str, Any]) -> bool:
        """Send a message; return False if the other end is gone."""
        try:
            self._sock.sendall(pack(json.dumps(message).encode()))
        except OSError:
            return False
        return True

    def poll(self) -> list[dict[str, Any]] | None:
        """Return the messages that have arrived, without waiting; None at the end."""
        closed = False
        while True:
            try:
                chunk = self._sock.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                chunk = b""
            if not chunk:
                closed = True
                break
            self._buffer += chunk
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return None if closed and not messages else messages

    def receive(self) -> dict[str, Any] | None:
        """Wait for a message; None at the end."""
        while (message := self._next()) is None:
            try:
                chunk = self._sock.recv(1 << 16)
            except OSError:
                return None
            if not chunk:
                return None
            self._buffer += chunk
        return message

    def close(self) -> None:
        """Close this end."""
        self._sock.close()

    def _next(self) -> dict[str, Any] | None:
        if len(self._buffer) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._buffer)
        end = LENGTH.size + length
        if len(self._buffer) < end:
            return None
        message: dict[str, Any] = json.loads(self._buffer[LENGTH.size : end])
        del self._buffer[:end]
        return message
