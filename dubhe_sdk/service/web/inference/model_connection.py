"""`ModelConnection`: a connection to a model process, with pipelining.

A request frame is a number and the request's JSON, or what stands for a `SharedBody`, whose
descriptor comes with it or before it. A reply frame is the same number; then ``+``
and the result's JSON, ``-`` and ``{"type", "text"}`` of the exception, or ``!`` and why the request
is refused. Before that the reply to a shared body has a frame with its ``request_number``, and it
may be ``?``: the web front shall read the request.

Problem: a model that answers in microseconds waits longer for its next request than it works, if
that is sent only after the reply to the last one; and each costs both sides a system call for
every step.

Mechanism: requests are sent without waiting for the replies to those before them. The first goes
out at once, those that come while it is under way together, once the event loop has handled
what is there. Replies come in the order of the requests: one read takes in all that have come,
and each goes to the greenlet that is first in the line.

Safety: the model takes one request of a connection at a time and answers it before it begins with
the next. So if the process dies, what follows the first unanswered request has not begun, and
only that first one may have. A reply with another number than that of the first in the line ends
the connection: no client gets the reply to another's request.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from gevent import get_hub, getcurrent
from greenlet import greenlet

from dubhe_sdk.contract.framing import LENGTH, NUMBER, pack_numbered
from dubhe_sdk.ipc.descriptor_socket import MOST_DESCRIPTORS, ancillary
from dubhe_sdk.process.socket_path import address
from dubhe_sdk.service.web.inference.errors import ModelDied, ModelUnavailable, RequestNotDelivered

_READ, _WRITE = 1, 2
_switch_to = greenlet.switch  # for the reason that `dubhe_sdk.service.web.stream` has
_NUMBERS = 1 << 32
# About sixty short replies: what they cost is also how long a heartbeat waits behind them.
_CHUNK = 4096
_LARGE_CHUNK = 1 << 20

# What has been sent is computed even if its client goes, so it shall not be more than is done soon.
_MOST_AHEAD_SECONDS = 50e-3

_UNREACHABLE = "the model process cannot be reached"
_DIED = "the model process died while it worked on the request"
_MIXED_UP = "the model process answered another request than the one that was asked"
_NOT_DELIVERED = "the model process died before it took the request"


class ModelConnection:
    """A connection to the model.

    Args:
        path: of the model's socket.

    Raises:
        ModelUnavailable: nobody listens there.
        ModelDied: the connection cannot be made for another reason.
    """

    def __init__(self, path: str) -> None:
        try:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise ModelDied(f"{_UNREACHABLE}: {error.strerror}") from None
        sock.setblocking(False)
        try:
            with address(Path(path)) as fitting:
                sock.connect(fitting)
        except OSError as error:
            sock.close()
            absent = isinstance(error, (ConnectionRefusedError, FileNotFoundError))
            kind = ModelUnavailable if absent else ModelDied
            raise kind(f"{_UNREACHABLE}: {error.strerror}") from None
        self._sock = sock
        self._hub = get_hub()
        loop = self._hub.loop
        self._readable = loop.io(sock.fileno(), _READ)
        self._writable = loop.io(sock.fileno(), _WRITE)
        self._readable.start(self._on_readable)
        self._pending: deque[_PendingReply] = deque()
        self._unsent: list[bytes] = []
        self._unsent_descriptors: list[int] = []
        self._buffer = bytearray()  # the beginning of a reply
        self._number = 0  # of the last request
        self._since = 0.0  # when the first of the line was sent, or became the first
        self._last_seconds: float | None = None
        self.closed = False
        """Whether it is good for no more requests."""

    def can_pipeline(self, seconds: float, times: float = 1.0) -> bool:
        """Return whether a request may be sent behind those that are under way.

        Args:
            seconds: how quick the last answer must have been.
            times: how many times as long as the last one a request will take.
        """
        if not self._pending or self._last_seconds is None:
            return False
        last = self._last_seconds * times
        return last < seconds and (len(self._pending) + 1) * last < _MOST_AHEAD_SECONDS

    def infer(self, body: bytes, descriptors: Sequence[int] = ()) -> bytes:
        """Send a request and wait for its reply.

        Args:
            body: the request's JSON, or what stands for a shared body.
            descriptors: of the shared bodies in it.

        Raises:
            OSError: the model process is gone and has not got the whole request, so did not
                begin with it: a Unix socket takes nothing once its other end is closed.
            RequestNotDelivered: the process ended without having begun with the request.
            ModelDied: the connection broke.
        """
        self._number = number = (self._number + 1) % _NUMBERS
        frame = pack_numbered(number, body)
        if not self._pending:
            self._send(frame, descriptors)
            self._since = perf_counter()
        else:
            self._unsent.append(frame)
            # They may come before their frame, in their order. Copies: who waits may be ended, and
            # close the originals, before they are sent.
            self._unsent_descriptors += map(os.dup, descriptors)
            if len(self._unsent) == 1:
                self._hub.loop.run_callback(self._flush)
        pending_reply = _PendingReply(getcurrent(), number)
        self._pending.append(pending_reply)
        try:
            reply: bytes = _switch_to(self._hub)
        except BaseException:
            pending_reply.greenlet = None  # its reply, if one comes, is discarded
            raise
        return reply

    def close(self) -> None:
        """Close it, whatever it is doing."""
        if self.closed:
            return
        self.closed = True
        for watcher in (self._readable, self._writable):
            watcher.close()
        for descriptor in self._unsent_descriptors:
            os.close(descriptor)
        self._sock.close()

    def _send(self, frame: bytes, descriptors: Sequence[int]) -> None:
        """Send a frame, alone."""
        left = list(descriptors)
        try:
            sent = self._send_some(frame, left) if left else self._sock.send(frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            self._send_rest(memoryview(frame)[sent:], left)

    def _send_rest(self, rest: memoryview, descriptors: list[int]) -> None:
        self._readable.stop()  # the sender itself will see the other end close
        try:
            while rest:
                self._hub.wait(self._writable)
                try:
                    rest = rest[self._send_some(rest, descriptors) :]
                except BlockingIOError:
                    continue
        except BaseException:
            self.close()  # half a request is in it: what comes next would be taken for the rest
            raise
        self._readable.start(self._on_readable)

    def _send_some(self, data: bytes | memoryview, descriptors: list[int]) -> int:
        """Send what the socket takes; descriptors that were sent leave the list."""
        if not descriptors:
            return self._sock.send(data)
        now, later = descriptors[:MOST_DESCRIPTORS], descriptors[MOST_DESCRIPTORS:]
        # A byte is left for each further message with descriptors.
        sent = self._sock.sendmsg([data[:1] if later else data], ancillary(now))
        descriptors[:] = later
        return sent

    def _flush(self) -> None:
        """Send the pipelined requests."""
        if self.closed:
            return
        data = b"".join(self._unsent)
        copies = self._unsent_descriptors.copy()
        try:
            sent = self._send_some(data, self._unsent_descriptors)
            for descriptor in copies[: len(copies) - len(self._unsent_descriptors)]:
                os.close(descriptor)
        except BlockingIOError:
            sent = 0
        except OSError:  # reading finds it too, after the replies that have come
            sent = len(data)
        self._unsent = [data[sent:]] if sent < len(data) else []
        if self._unsent:
            self._writable.start(self._flush)
        else:
            self._writable.stop()

    def _on_readable(self) -> None:
        end = self._end_of_buffered() if self._buffer else 0
        try:
            chunk = self._sock.recv(_LARGE_CHUNK if end > _CHUNK else _CHUNK)
        except BlockingIOError:
            return
        except ConnectionResetError:
            # unix(7) sockets are reset if their other end is closed with something unread in it,
            # and otherwise end. So a single request has not begun: the method gets it when it is
            # whole. Of several, those behind the first may be what was not read.
            self._break(_DIED if len(self._pending) > 1 else None)
            return
        except OSError as error:
            self._break(f"the connection to the model process broke: {error}")
            return
        if not chunk:
            self._break(_DIED)
            return
        if self._buffer:
            self._buffer += chunk
            if len(self._buffer) < end:
                return
            chunk = bytes(self._buffer)
            self._buffer.clear()
        self._deliver(chunk)

    def _end_of_buffered(self) -> int:
        """Return how long the buffer must become for the next step."""
        if len(self._buffer) < LENGTH.size:
            return LENGTH.size
        end: int = LENGTH.size + LENGTH.unpack_from(self._buffer)[0]
        return end

    def _deliver(self, data: bytes) -> None:
        """Give each greenlet its reply; keep what is not complete."""
        replies = []
        at, size = 0, len(data)
        while size - at >= LENGTH.size:
            end = at + LENGTH.size + LENGTH.unpack_from(data, at)[0]
            if end > size:
                break
            replies.append(data[at + LENGTH.size : end])
            at = end
        if at < size:
            self._buffer += memoryview(data)[at:]
        if not replies:
            return
        now = perf_counter()
        self._last_seconds = (now - self._since) / len(replies)
        self._since = now
        for reply in replies:
            if not self._pending:
                self.close()  # a reply without a request
                return
            first = self._pending[0]
            if len(reply) < NUMBER.size or NUMBER.unpack_from(reply)[0] != first.number:
                self._break(_MIXED_UP, may_have_begun=True)
                return
            self._pending.popleft()
            if first.greenlet is not None:
                first.greenlet.switch(reply[NUMBER.size :])

    def _break(self, first: str | None, *, may_have_begun: bool = False) -> None:
        """Close it and raise an error in those who wait for replies.

        Args:
            first: what has become of the first one; None if it had not begun.
            may_have_begun: whether those behind it may have begun as well.
        """
        self.close()
        pending = list(self._pending)
        self._pending.clear()
        for pending_reply in pending:
            error = RequestNotDelivered(_NOT_DELIVERED) if first is None else ModelDied(first)
            first = first if may_have_begun else None
            if pending_reply.greenlet is not None:
                pending_reply.greenlet.throw(error)


class _PendingReply:
    """A place in the line of replies."""

    __slots__ = ("greenlet", "number")

    def __init__(self, greenlet: Any, number: int) -> None:
        self.greenlet: Any = greenlet
        self.number = number
