"""`ClientSocket`: a client's connection, read in the order of arrival."""

from __future__ import annotations

from socket import MSG_PEEK
from typing import Any

from gevent import getcurrent, socket
from gunicorn.http.errors import ParseException

from dubhe_sdk.service.web import wrong_protocol
from dubhe_sdk.service.web.arrivals import ArrivalOrder


class NotHttp(ParseException):  # type: ignore[misc]
    """What the client sends is in another protocol. ``protocol`` is its name."""

    def __init__(self, protocol: str) -> None:
        super().__init__(wrong_protocol.describe(protocol, wrong_protocol.HTTP))
        self.protocol = protocol


class ClientSocket(socket.socket):  # type: ignore[misc]
    """gevent's socket; of several that become readable at once, the first is read first.

    Args:
        descriptor: the client's, which is owned from now on.
        arrivals: the order.
        begun: what has been read of it and is to be received first.
    """

    def __init__(self, descriptor: int, arrivals: ArrivalOrder, begun: bytes) -> None:
        super().__init__(fileno=descriptor)
        self._arrivals = arrivals
        self._begun = begun
        self._is_fresh = True

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive at most ``size`` bytes.

        Raises:
            NotHttp: they are the first ones, and evidently not HTTP.
            OSError: the connection broke.
        """
        data: bytes
        if self._begun:
            data, self._begun = self._begun[:size], self._begun[size:]
        else:
            data = super().recv(size, flags)
        if self._is_fresh:
            self._is_fresh = False
            found = wrong_protocol.protocol_of(data)
            if found not in (None, wrong_protocol.HTTP):
                raise NotHttp(found)
        return data

    def peek(self, size: int) -> bytes:
        """Return up to ``size`` bytes of what has come, which `recv` returns again."""
        try:
            data: bytes = self._sock.recv(size, MSG_PEEK)
        except OSError:  # `recv` finds it too
            return b""
        return data

    def others_have_come(self) -> bool:
        """Return whether others have become readable, too, and were not read yet."""
        return self._arrivals.has_more

    def _wait(self, watcher: Any, *arguments: Any) -> None:
        """Wait for an event, as gevent's socket calls it, and then for its turn."""
        super()._wait(watcher, *arguments)
        if watcher is self._read_event:
            place = _Place(self)
            self._arrivals.add(place)
            try:
                self.hub.switch()
            finally:
                place.greenlet = None


class _Place:
    """A greenlet's place in the order."""

    __slots__ = ("greenlet", "peek")

    def __init__(self, sock: ClientSocket) -> None:
        self.greenlet: Any = getcurrent()
        self.peek = sock.peek

    def wake(self) -> None:
        if self.greenlet is not None:
            self.greenlet.switch()
