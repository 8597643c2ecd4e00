"""`PlainConnection`: serves usual HTTP requests without gunicorn, as long as they are usual.

Each request whose head `dubhe_sdk.service.web.http.request_head.parse_head` takes is answered here.
The first that it does not take is left to gunicorn, with all bytes that have come of it, and so is
the rest of the connection.
"""

from __future__ import annotations

from time import time
from wsgiref.handlers import format_date_time

import gevent
from gevent import socket as gevent_socket

from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.service.web.http.request_head import RequestHead, parse_head
from dubhe_sdk.service.web.limits.body_errors import BodyTooLarge, BodyUnusable
from dubhe_sdk.service.web.limits.connections import drain
from dubhe_sdk.service.web.limits.memory_budget import EXEMPT_BYTES, BudgetExceeded
from dubhe_sdk.service.web.runtime import WebRuntime
from dubhe_sdk.service.web.stream import Stream

_CHUNK = 65536
_END_OF_HEAD = b"\r\n\r\n"


class PlainConnection:
    """One client's connection.

    Args:
        stream: the connection, which `Connections` knows already.
        runtime: handler, limits and who is connected.
    """

    def __init__(self, stream: Stream, runtime: WebRuntime) -> None:
        self._stream = stream
        self._runtime = runtime
        self._seconds = runtime.options.transfer_timeout_seconds
        self._held = 0  # bytes of the memory budget

    def serve(self) -> bytes | None:
        """Serve requests until one is left to gunicorn.

        Returns:
            What has come of that one; None if the connection is to be closed.

        Raises:
            OSError: the client is gone, or does not take its reply.
        """
        buffer = b""
        while True:
            if not buffer:
                buffer = self._stream.recv_idle(_CHUNK)
                if not buffer:
                    return None
            end = buffer.find(_END_OF_HEAD) + len(_END_OF_HEAD)
            head = parse_head(buffer[:end]) if end >= len(_END_OF_HEAD) else None
            if head is None:
                return buffer
            next_ = end + head.length
            if self._serve_request(head, buffer[end:next_]):
                return None
            buffer = buffer[next_:]
            if buffer:  # the time for the next request's head begins with its turn
                self._stream.begin_idle()

    def _serve_request(self, head: RequestHead, begun: bytes) -> bool:
        """Answer one request. Returns whether the connection is to be closed."""
        runtime, stream = self._runtime, self._stream
        body: bytes | SharedBody = begun
        try:
            if head.length > EXEMPT_BYTES or len(begun) < head.length:
                with runtime.connections.receiving(stream):
                    body = self._read_body(head.length, begun)
            runtime.connections.work(stream)
            reply = runtime.handler.handle(body, head.type_, stream)
            runtime.connections.wait(stream)
        except (BodyUnusable, BudgetExceeded) as error:
            refusal = runtime.handler.refuse_body(error)
            stream.sendall(_REPLIES.closing(refusal), self._seconds)
            drain(gevent_socket.socket(fileno=stream.detach()))
            return True
        finally:
            if isinstance(body, SharedBody):
                runtime.shared_bodies.close(body)
            if self._held:
                runtime.budget.release(self._held)
                self._held = 0
        if head.closes or runtime.ended.is_set():
            stream.sendall(_REPLIES.closing(reply), self._seconds)
            return True
        stream.sendall(_REPLIES.kept(reply), self._seconds)
        return False

    def _read_body(self, length: int, begun: bytes) -> bytes | SharedBody:
        """Return the whole body, bounded in size and time.

        Raises:
            BodyTooLarge: it is longer than the limit.
            BodyUnusable: it is late, or ended before its announced length.
            BudgetExceeded: the bodies of all clients take too much memory.
        """
        if length > self._runtime.options.max_request_bytes:
            raise BodyTooLarge(length)
        late = f"the body was not complete after {self._seconds:g} s"
        with gevent.Timeout(self._seconds, BodyUnusable(late)):
            self._count(len(begun), length)
            shared = self._runtime.shared_bodies.create(length)
            if shared is not None:
                return self._read_shared(shared, begun)
            pieces, missing = [begun], length - len(begun)
            while missing:
                piece = self._stream.recv(min(missing, _CHUNK))
                if not piece:
                    raise _ended(length - missing, length)
                self._count(len(piece), length)
                pieces.append(piece)
                missing -= len(piece)
        return b"".join(pieces)

    def _read_shared(self, body: SharedBody, begun: bytes) -> SharedBody:
        length = len(body)
        try:
            count = body.fill(begun, lambda buffer: self._recv_into(buffer, length))
            if count < length:
                raise _ended(count, length)
        except BaseException:
            self._runtime.shared_bodies.close(body)
            raise
        return body

    def _recv_into(self, buffer: memoryview, length: int) -> int:
        count = self._stream.recv_into(buffer)
        self._count(count, length)
        return count

    def _count(self, count: int, length: int) -> None:
        """Count bytes that have come of a body of this length."""
        if length > EXEMPT_BYTES:
            self._runtime.budget.reserve(count)
            self._held += count


class _Replies:
    """Makes whole replies. Their head is the same for a second, as the date in it."""

    def __init__(self) -> None:
        self._second = 0
        self._kept = self._closing = b""

    def kept(self, body: bytes) -> bytes:
        """Return a reply after which the connection stays open."""
        self._refresh()
        return b"%b%d\r\n\r\n%b" % (self._kept, len(body), body)

    def closing(self, body: bytes) -> bytes:
        """Return a reply after which the connection is closed."""
        self._refresh()
        return b"%b%d\r\n\r\n%b" % (self._closing, len(body), body)

    def _refresh(self) -> None:
        now = int(time())
        if now != self._second:
            self._second = now
            self._kept, self._closing = (_head(now, "keep-alive"), _head(now, "close"))


_REPLIES = _Replies()


def _head(now: int, connection: str) -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nDate: {format_date_time(now)}\r\nConnection: {connection}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode("ascii")


def _ended(count: int, length: int) -> BodyUnusable:
    return BodyUnusable(f"the body ended after {count} of {length} bytes")
