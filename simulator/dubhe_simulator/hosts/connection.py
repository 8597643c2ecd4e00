"""Lines of JSON over a connection that is also watched for its end."""

from __future__ import annotations

import json
import socket
from typing import Any

MAX_LINE = 1 << 20  # bytes; nobody sends more


class ProtocolError(Exception):
    """What arrived is not a line of this protocol. The text shows it."""


class Connection:
    """One side of a connection.

    Args:
        sock: connected; it is closed with the wire.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._rest = b""
        self.ended = False  # the other side sends nothing more

    def fileno(self) -> int:
        """For `select`."""
        return self._sock.fileno()

    def send(self, message: dict[str, Any]) -> None:
        """Send one object.

        Raises:
            OSError: the connection is gone.
        """
        self._sock.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """Read once, then return the next object, or None if it is not complete yet.

        Blocks until something arrives, if nothing has: ask `select` before.

        Raises:
            Garbled: it is no object, or endless.
        """
        if b"\n" not in self._rest and not self.ended:
            try:
                chunk = self._sock.recv(1 << 16)
            except OSError:  # reset: the other side is gone without a word
                chunk = b""
            self.ended = not chunk
            self._rest += chunk
        line, found, rest = self._rest.partition(b"\n")
        if not found:
            if len(line) > MAX_LINE:
                raise ProtocolError(f"a line of more than {MAX_LINE} bytes: {line[:80]!r}…")
            return None
        self._rest = rest
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise ProtocolError(f"not a JSON object: {line[:200]!r}")
        return message

    def finish(self) -> None:
        """Send nothing more; what the other side still says can be received."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = True  # the connection is gone

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
