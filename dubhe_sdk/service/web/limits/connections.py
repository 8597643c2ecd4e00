"""Which clients are connected, and which of them to close when there are too many."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol

from gevent import socket as gevent_socket
from gevent.event import Event

_DRAIN_SECONDS = 2.0
_DRAIN_BYTES = 64 * 1024 * 1024


class ClientConnection(Protocol):
    """What is needed of a connection; sockets have it."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Connections:
    """All clients' connections. One that waits for a request may be closed for a new one.

    A connection is waiting until its request has arrived completely, so that slow and half-open
    clients are displaced too; it is working until the reply is ready.

    Args:
        limit: how many may be connected at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Longest first; whether they waited at the last `end_idle` already.
        self._waiting: OrderedDict[ClientConnection, bool] = OrderedDict()
        self._working: set[ClientConnection] = set()
        self._receiving: set[ClientConnection] = set()  # of those that wait
        self.empty = Event()
        """Set while no client is connected."""
        self.empty.set()
        self.stopping = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._working)

    def add(self, sock: ClientConnection) -> bool:
        """Take in a new connection; close the one that waits for longest if there are too many.

        Returns:
            False if it must be closed itself: all others are working, or the server stops.
        """
        if self.stopping:
            return False
        if len(self) >= self._limit:
            if not self._waiting:
                return False
            _shut_down(self._waiting.popitem(last=False)[0], socket.SHUT_RDWR)
        self._waiting[sock] = False
        self.empty.clear()
        return True

    def replace(self, old: ClientConnection, new: ClientConnection) -> None:
        """Note that another object stands for a connection that waits for its request."""
        if self._waiting.pop(old, None) is not None:  # else it was displaced meanwhile
            self._waiting[new] = False

    @contextlib.contextmanager
    def receiving(self, sock: ClientConnection) -> Iterator[None]:
        """Receive the rest of a request in this block: it arrives though the server stops."""
        self._receiving.add(sock)
        try:
            yield
        finally:
            self._receiving.remove(sock)

    def work(self, sock: ClientConnection) -> None:
        """Note that a request has arrived: it is not closed before `wait`."""
        # A connection that was displaced at the same moment stays forgotten.
        if self._waiting.pop(sock, None) is not None:
            self._working.add(sock)

    def wait(self, sock: ClientConnection) -> None:
        """Note that the reply is ready; the connection waits for its next request."""
        if sock in self._working:
            self._working.remove(sock)
            self._waiting[sock] = False

    def remove(self, sock: ClientConnection) -> None:
        """Forget a connection that is being closed."""
        self._waiting.pop(sock, None)
        self._working.discard(sock)
        if not self._waiting and not self._working:
            self.empty.set()

    def end_idle(self) -> None:
        """Let every connection end, as `stop` does, that has waited since the last call."""
        for sock, has_waited in list(self._waiting.items()):
            if has_waited and sock not in self._receiving:
                _shut_down(sock, socket.SHUT_RD)
            self._waiting[sock] = True

    def take_no_more(self) -> None:
        """Take in no further connection. Each that is there gets one reply more, or `end_idle`."""
        self.stopping = True

    def stop(self) -> None:
        """Let every waiting connection end; what has arrived on it already is still read, and so is
        the rest of a request that has begun to.
        """
        self.take_no_more()
        for sock in self._waiting.keys() - self._receiving:
            _shut_down(sock, socket.SHUT_RD)

    def join(self, seconds: float) -> bool:
        """Wait until no connection is left. Returns False if the time was too short."""
        return bool(self.empty.wait(seconds))


def drain(sock: gevent_socket.socket) -> None:
    """Say that no more is sent, and take in for a while what the client still sends.

    Closing a socket that holds unread bytes resets the connection, and the client could lose
    the refusal it was sent.
    """
    _shut_down(sock, socket.SHUT_WR)
    deadline = time.monotonic() + _DRAIN_SECONDS
    buffer = bytearray(65536)
    left = _DRAIN_BYTES
    with contextlib.suppress(OSError):  # a time-out is one
        while left > 0 and (remaining := deadline - time.monotonic()) > 0:
            sock.settimeout(remaining)
            received = sock.recv_into(buffer)
            if not received:
                return
            left -= received


def _shut_down(connection: ClientConnection, how: int) -> None:
    # By a second descriptor, because gevent's own shutdown makes the greenlet that waits on the
    # socket fail, where it should see the end of the stream.
    with (
        contextlib.suppress(OSError),  # the client was faster
        socket.socket(fileno=os.dup(connection.fileno())) as same,
    ):
        same.shutdown(how)
