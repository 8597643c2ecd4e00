"""`RequestBody`: reads an HTTP request's body, bounded in size and time."""

from __future__ import annotations

import gevent
from gevent import socket
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request

from dubhe_sdk.service.web.client import is_closed
from dubhe_sdk.service.web.limits.body_errors import BodyTooLarge, BodyUnusable
from dubhe_sdk.service.web.limits.connections import Connections
from dubhe_sdk.service.web.limits.memory_budget import EXEMPT_BYTES, BudgetExceeded, MemoryBudget

# gunicorn takes at most so much from the socket at once, however little it is asked for.
_STEP_BYTES = 1024 * 1024


class RequestBody:
    """Takes the place of gunicorn's body object: ``wsgi.input``.

    Args:
        request: gunicorn's request.
        sock: the client's connection.
        connections: notified when the body is complete.
        budget: memory for the bodies of all clients.
    """

    def __init__(
        self, request: Request, sock: socket.socket, connections: Connections, budget: MemoryBudget
    ) -> None:
        self._request = request
        self._body = request.body
        self._sock = sock
        self._connections = connections
        self._budget = budget
        self._held = 0
        self.is_cut = False
        """Whether part of it was left unread."""

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes, as WSGI has it."""
        data: bytes = self._body.read(size)
        return data

    def read_all(self, length: str | None, limit: int, seconds: float) -> bytes:
        """Return the whole body, and count the connection as working from now on.

        Args:
            length: ``Content-Length``, if there is one.
            limit: the longest body in bytes.
            seconds: what it may take to arrive.

        Raises:
            BodyTooLarge: it is longer than ``limit``.
            BodyUnusable: it is malformed, late, or ended before its announced length.
            BudgetExceeded: the bodies of all clients take too much memory.
        """
        try:
            with self._connections.receiving(self._sock):
                data = self._read(int(length) if length else None, limit, seconds)
        except (BodyUnusable, BudgetExceeded):
            self.is_cut = True
            self._request.force_close()
            raise
        self._connections.work(self._sock)
        return data

    def done(self) -> None:
        """Note that the reply is known: the connection awaits its next request, if any."""
        if self._connections.stopping:
            self._request.force_close()
        self._connections.wait(self._sock)

    def has_gone(self) -> bool:
        """Return whether the client has closed its connection. It has said all, so it is gone."""
        return is_closed(self._sock)

    def others_have_come(self) -> bool:
        """Return whether requests of others have arrived that were not read yet."""
        others: bool = self._sock.others_have_come()
        return others

    def release(self) -> None:
        """Return the memory to the budget: the body is no longer in use."""
        self._budget.release(self._held)
        self._held = 0

    def _read(self, length: int | None, limit: int, seconds: float) -> bytes:
        if length is not None and length > limit:
            raise BodyTooLarge(length)
        late = gevent.Timeout.start_new(seconds)
        try:
            data = self._read_pieces(length, limit)
        except gevent.Timeout as timeout:
            if timeout is not late:
                raise
            raise BodyUnusable(f"the body was not complete after {seconds:g} s") from None
        except TimeoutError:  # the socket's own, of the same length
            raise BodyUnusable(f"the body was not complete after {seconds:g} s") from None
        except (ParseException, OSError) as error:
            raise BodyUnusable(f"the body is malformed: {error!r}") from None
        finally:
            late.close()
        if len(data) > limit:
            raise BodyTooLarge(None)
        if length is not None and len(data) < length:
            raise BodyUnusable(f"the body ended after {len(data)} of {length} bytes")
        return data

    def _read_pieces(self, length: int | None, limit: int) -> bytes:
        """Return the body, at most one byte more than ``limit``; reserve before each read."""
        if length is not None and length <= EXEMPT_BYTES:
            return self.read(length)
        end = limit + 1 if length is None else length
        pieces: list[bytes] = []
        total = 0
        while total < end:
            step = min(_STEP_BYTES, end - total)
            self._budget.reserve(step)
            self._held += step
            piece = self.read(step)
            self._budget.release(step - len(piece))
            self._held -= step - len(piece)
            if not piece:
                break
            pieces.append(piece)
            total += len(piece)
        return b"".join(pieces)
