"""`Stream`: a connected socket of the hot path, waited on with gevent's event loop.

gevent's own sockets try first and wait if that fails. Here a read waits first: a request and its
reply alternate, so that trying first would fail nearly always; and a client that is always ready
cannot keep the others from their turn.
"""

from __future__ import annotations

import socket
from typing import Any

import gevent
from gevent import get_hub, getcurrent

from dubhe_sdk.service.web.arrivals import ArrivalOrder
from dubhe_sdk.service.web.client import is_reset

_READ, _WRITE = 1, 2


class Stream:
    """A non-blocking stream socket.

    Args:
        sock: the standard library's; it is owned from now on.
        arrivals: of several streams that become readable at once, the first is read first.
    """

    def __init__(self, sock: socket.socket, arrivals: ArrivalOrder) -> None:
        sock.setblocking(False)
        self._arrivals = arrivals
        self._sock = sock
        self._hub = get_hub()
        self._readable = self._hub.loop.io(sock.fileno(), _READ)
        # Stays active from one wait to the next, which `Hub.wait` does not offer: to start and to
        # stop it costs a system call each time.
        self._is_watched = False
        self._waiting: Any = None  # a greenlet

    def recv(self, size: int, /) -> bytes:
        """Wait for bytes and return at most ``size``; empty at the end.

        Raises:
            OSError: the connection broke.
        """
        while True:
            self._wait()
            try:
                return self._sock.recv(size)
            except BlockingIOError:  # woken for nothing
                continue

    def sendall(self, data: bytes, /, seconds: float | None = None) -> None:
        """Send everything, nearly always at once.

        Args:
            data: what to send.
            seconds: how long to wait for space in the other end's buffer.

        Raises:
            TimeoutError: it took longer.
            OSError: the connection broke.
        """
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            with gevent.Timeout(seconds, TimeoutError("the other end takes no bytes")):
                self._send_rest(memoryview(data)[sent:])

    def has_gone(self) -> bool:
        """Return whether the other end takes no reply. One that sends no more may still do so."""
        return is_reset(self._sock)

    def wake(self) -> None:
        """Let the greenlet that waits for something to read run."""
        if self._waiting is not None:
            self._waiting.switch()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._sock.fileno()

    def detach(self) -> int:
        """Give up the socket. Returns its descriptor."""
        self._readable.close()
        return self._sock.detach()

    def close(self) -> None:
        """Close the socket."""
        self._readable.close()
        self._sock.close()

    def _wait(self) -> None:
        """Let the others run until there is something to read."""
        if not self._is_watched:
            self._readable.start(self._on_readable)
            self._is_watched = True
        self._waiting = getcurrent()
        try:
            self._hub.switch()
        finally:
            self._waiting = None

    def _on_readable(self) -> None:
        if self._waiting is not None:
            self._arrivals.add(self)
        else:  # no greenlet waits: do not report it again and again
            self._readable.stop()
            self._is_watched = False

    def _send_rest(self, rest: memoryview) -> None:
        writable = self._hub.loop.io(self._sock.fileno(), _WRITE)
        try:
            while rest:
                self._hub.wait(writable)
                try:
                    rest = rest[self._sock.send(rest) :]
                except BlockingIOError:
                    continue
        finally:
            writable.close()
