"""Clients that send a request too slowly: each would hold one of the server's threads."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

ARRIVE_S = 15.0  # a request's head, and its body
TAKE_S = 30.0  # a piece of the reply


class Deadlines:
    """What is being read now, and until when. `poll` is to be called now and then."""

    def __init__(self, seconds: float = ARRIVE_S) -> None:
        self._seconds = seconds
        self._until: dict[socket.socket, float] = {}
        self._lock = threading.Lock()

    def begin(self, sock: socket.socket) -> None:
        """Note that something is read from a connection."""
        with self._lock:
            self._until[sock] = time.monotonic() + self._seconds

    def end(self, sock: socket.socket) -> None:
        """Note that it has arrived, or that nobody waits for it any more."""
        with self._lock:
            self._until.pop(sock, None)

    def poll(self) -> None:
        """End what is late: the thread that reads sees the end of the stream."""
        now = time.monotonic()
        with self._lock:
            for sock in [sock for sock, until in self._until.items() if until < now]:
                del self._until[sock]
                with contextlib.suppress(OSError):  # gone meanwhile
                    sock.shutdown(socket.SHUT_RD)


class TimedBody:
    """Takes the place of gunicorn's body object, and bounds the time of each `read`."""

    def __init__(self, body: Any, sock: socket.socket, deadlines: Deadlines) -> None:
        self._body = body
        self._sock = sock
        self._deadlines = deadlines

    def read(self, size: int | None = None) -> bytes:
        """Read at most ``size`` bytes, as WSGI has it."""
        self._deadlines.begin(self._sock)
        try:
            data: bytes = self._body.read(size)
        finally:
            self._deadlines.end(self._sock)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)
