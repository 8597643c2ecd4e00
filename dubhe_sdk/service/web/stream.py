"""`Stream`: a connected socket of the hot path, waited on with gevent's event loop.

gevent's own sockets try first and wait if that fails. Here a read waits first: a request and its
reply alternate, so that trying first would fail nearly always; and a client that is always ready
cannot keep the others from their turn.
"""

from __future__ import annotations

import socket
from time import monotonic
from typing import Any

import gevent
from gevent import get_hub, getcurrent
from greenlet import greenlet

from dubhe_sdk.service.web.arrivals import ArrivalOrder
from dubhe_sdk.service.web.client import is_closed, is_reset

_READ, _WRITE = 1, 2

# gevent's own looks first whether the greenlet wants to be told, by an exception if it does not.
_switch_to = greenlet.switch

# So many pieces of a long body are taken, at most, before the others have a turn.
_PIECES_AT_ONCE = 16


class Stream:
    """A non-blocking stream socket.

    Args:
        sock: the standard library's; it is owned from now on.
        arrivals: of several streams that become readable at once, the first is read first.
        ends_when_half_closed: whether a client that sends no more takes no reply either: so over
            HTTP, where closing a connection looks the same.
        idle_seconds: how long a request may take to begin, for `recv_idle`; 0: as long as it likes.
    """

    def __init__(
        self,
        sock: socket.socket,
        arrivals: ArrivalOrder,
        *,
        ends_when_half_closed: bool = False,
        idle_seconds: float = 0.0,
    ) -> None:
        sock.setblocking(False)
        self._arrivals = arrivals
        self._sock = sock
        self._hub = get_hub()
        self._readable = self._hub.loop.io(sock.fileno(), _READ)
        # Stays active from one wait to the next, which `Hub.wait` does not offer: to start and to
        # stop it costs a system call each time.
        self._is_watched = False
        self._is_in_line = False  # of `arrivals`, where it need not stand twice
        self._waiting: Any = None  # a greenlet
        self._has_gone = is_closed if ends_when_half_closed else is_reset
        # One that is set again costs a tenth of a `gevent.Timeout` for each request.
        self._idle = self._hub.loop.timer(idle_seconds, idle_seconds) if idle_seconds else None
        self._idle_seconds = idle_seconds
        self._idle_since = 0.0
        self._is_idle = False
        self._pieces = 0  # that `recv_into` has taken since it waited

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

    def recv_idle(self, size: int, /) -> bytes:
        """Wait for the beginning of a request; as `recv`, but with the idle time as a limit.

        Returns:
            Empty at the end, or if the time is over.
        """
        if self._idle is None:
            return self.recv(size)
        self._idle.again(self._on_idle, update=False)
        self.begin_idle()
        self._is_idle = True
        try:
            return self.recv(size)
        except TimeoutError:
            return b""
        finally:
            self._is_idle = False

    def begin_idle(self) -> None:
        """Count the idle time from now on."""
        self._idle_since = monotonic()

    @property
    def idle_seconds_left(self) -> float:
        """What is left of the idle time that began last, in seconds."""
        return max(0.0, self._idle_seconds - (monotonic() - self._idle_since))

    def recv_into(self, buffer: memoryview, /) -> int:
        """Wait for bytes and put them into ``buffer``; return how many, 0 at the end.

        Raises:
            OSError: the connection broke.
        """
        while True:
            if self._pieces == _PIECES_AT_ONCE:
                self._wait_with_pieces()
            try:  # first: of a long body the next piece is mostly there
                count = self._sock.recv_into(buffer)
            except BlockingIOError:
                self._wait_with_pieces()
            else:
                self._pieces += 1
                return count

    def peek(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes of what has come, which `recv` returns again."""
        try:
            return self._sock.recv(size, socket.MSG_PEEK)
        except OSError:  # `recv` finds it too
            return b""

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
        """Return whether the other end takes no reply."""
        return self._has_gone(self._sock)

    def others_have_come(self) -> bool:
        """Return whether others have become readable, too, and were not read yet."""
        return self._arrivals.has_more

    def wake(self) -> None:
        """Let the greenlet that waits for something to read run."""
        self._is_in_line = False
        if self._waiting is not None:
            self._waiting.switch()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._sock.fileno()

    def detach(self) -> int:
        """Give up the socket. Returns its descriptor."""
        self._close_watchers()
        return self._sock.detach()

    def close(self) -> None:
        """Close the socket."""
        self._close_watchers()
        self._sock.close()

    def _close_watchers(self) -> None:
        self._readable.close()
        if self._idle is not None:
            self._idle.close()

    def _on_idle(self) -> None:
        has_come = self._is_in_line  # and waits for its turn
        if self._is_idle and self._waiting is not None and not has_come:
            self._waiting.throw(TimeoutError("no request came in time"))

    def _wait(self) -> None:
        """Let the others run until there is something to read."""
        if not self._is_watched:
            self._readable.start(self._on_readable)
            self._is_watched = True
        self._waiting = getcurrent()
        try:
            _switch_to(self._hub)
        finally:
            self._waiting = None

    def _wait_with_pieces(self) -> None:
        self._pieces = 0
        self._wait()

    def _on_readable(self) -> None:
        if self._waiting is not None:
            if not self._is_in_line:
                self._is_in_line = True
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
