"""TCP: the contract's frames over one handler."""

from __future__ import annotations

import logging
import re
import signal
import socket
import time
from http import HTTPStatus
from typing import Any

import gevent
from gevent import socket as gevent_socket
from gevent.event import Event
from gevent.server import StreamServer

from dubhe_sdk.contract.framing import LENGTH, FrameReader, FrameTooLarge, pack
from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.service.web import wrong_protocol
from dubhe_sdk.service.web.arrivals import ArrivalOrder
from dubhe_sdk.service.web.counted_log import CountedLog
from dubhe_sdk.service.web.limits.connections import Connections, drain
from dubhe_sdk.service.web.limits.memory_budget import EXEMPT_BYTES, BudgetExceeded, MemoryBudget
from dubhe_sdk.service.web.options import WebOptions
from dubhe_sdk.service.web.runtime import WebConfig, WebRuntime
from dubhe_sdk.service.web.stream import Stream

# A client that goes on asking has sent its next request by then.
_IDLE_SECONDS = 0.2

# A heartbeat is short: its `req_type` is in what is looked at.
_HEARTBEAT = re.compile(rb'"req_type"\s*:\s*0\b')

_log = logging.getLogger(__name__)


def serve(config: WebConfig, options: WebOptions) -> int:
    """Serve until SIGTERM, or until the service parent is gone. Returns the exit status."""
    runtime = WebRuntime(config, options)
    gevent.signal_handler(signal.SIGTERM, runtime.ended.set)
    if not runtime.wait_for_state():
        return 0
    server = TcpServer(gevent_socket.socket(fileno=config.listen_fd), runtime)
    server.start()
    runtime.control.report_serving()
    runtime.ended.wait()
    if not runtime.orphaned:
        server.close()
        _end_connections(runtime)
    return 0


def _end_connections(runtime: WebRuntime) -> None:
    """Let every connection end at a moment at which no request of its client is lost, if possible.

    No reply over TCP can say that it is the last: a client that has it sends its next request at
    once, and that would never be answered if the connection was closed behind the reply. So one
    is closed when its client has been silent for a while. As long as the service runs what
    arrives, the others are served. After that they get one refusal more, which is the last.
    """
    connections, refusing = runtime.connections, runtime.refusing
    until = time.monotonic() + runtime.options.stop_timeout_seconds
    if runtime.is_draining():
        _end_idle(connections, until, refusing)
        connections.take_no_more()  # one that waits may be about to send
    else:
        connections.stop()
    _end_idle(connections, until)


def _end_idle(connections: Connections, until: float, *events: Event) -> None:
    """End connections that are idle until none is left, an event is set, or the time is over."""
    while (left := until - time.monotonic()) > 0:
        seconds = min(left, _IDLE_SECONDS)
        if gevent.wait([connections.empty, *events], timeout=seconds, count=1):
            return
        connections.end_idle()


class TcpServer(StreamServer):  # type: ignore[misc]
    """Accepts clients; each has a greenlet and sends as many requests as it likes, in order.

    Args:
        listener: a socket that listens.
        runtime: handler, connections, limits.
    """

    def __init__(self, listener: gevent_socket.socket, runtime: WebRuntime) -> None:
        super().__init__(listener, self._serve)
        self._runtime = runtime
        self._arrivals = ArrivalOrder(_is_heartbeat)
        self._foreign = CountedLog(_log, "requests in another protocol than TCP frames")

    def _serve(self, sock: gevent_socket.socket, address: Any) -> None:
        connections = self._runtime.connections
        stream = Stream(socket.socket(fileno=sock.detach()), self._arrivals)
        try:
            if connections.add(stream):
                self._serve_frames(stream, address[0] if address else "")
        except OSError:
            pass  # the client is gone or too slow: no reply is possible
        finally:
            connections.remove(stream)
            stream.close()

    def _serve_frames(self, stream: Stream, address: str) -> None:
        seconds = self._runtime.options.transfer_timeout_seconds
        deadline_stream = DeadlineStream(stream, seconds, self._runtime.budget)
        try:
            self._serve_requests(stream, deadline_stream, address)
        finally:
            deadline_stream.release()

    def _serve_requests(
        self, stream: Stream, deadline_stream: DeadlineStream, address: str
    ) -> None:
        connections, handler = self._runtime.connections, self._runtime.handler
        seconds = self._runtime.options.transfer_timeout_seconds
        reader = FrameReader(deadline_stream, self._runtime.options.max_request_bytes)
        is_fresh = True  # nothing has come that was a frame
        while True:
            frame: bytes | SharedBody | None
            try:
                frame = reader.read_at_once()
                if frame is None:
                    with connections.receiving(stream):
                        frame = self._read_rest(reader, deadline_stream)
            except (FrameTooLarge, BudgetExceeded) as error:
                refusal = (
                    self._refuse_length(error.length, is_fresh, address)
                    if isinstance(error, FrameTooLarge)
                    else pack(handler.refuse(str(error)))
                )
                stream.sendall(refusal, seconds)
                drain(gevent_socket.socket(fileno=stream.detach()))
                return
            if frame is None:
                return
            is_fresh = False
            connections.work(stream)
            is_last = connections.stopping
            try:
                reply = handler.handle(frame, None, stream)
            finally:
                if isinstance(frame, SharedBody):
                    self._runtime.shared_bodies.close(frame)
            connections.wait(stream)
            stream.sendall(pack(reply), seconds)
            if is_last and not reader.buffered:
                return
            deadline_stream.end_frame(reader.buffered)

    def _read_rest(
        self, reader: FrameReader, deadline_stream: DeadlineStream
    ) -> bytes | SharedBody | None:
        """Return a frame that did not come in one piece; None at the end of the stream."""
        length = reader.read_length()
        if length is None:
            return None
        bodies = self._runtime.shared_bodies
        body = bodies.create(length)
        if body is None:
            return reader.read_payload(length)
        try:
            is_whole = body.fill(reader.take(length), deadline_stream.recv_into) == length
        except BaseException:
            bodies.close(body)
            raise
        if not is_whole:
            bodies.close(body)
            return None
        return body

    def _refuse_length(self, length: int, is_fresh: bool, address: str) -> bytes:
        """Return the reply to a frame that is too long, or to what is not a frame at all."""
        handler = self._runtime.handler
        found = wrong_protocol.protocol_of(LENGTH.pack(length)) if is_fresh else None
        if found in (None, wrong_protocol.FRAMES):
            return pack(handler.refuse_too_large(length))
        self._foreign.add(f"{found} from {address}")
        refusal = handler.refuse(wrong_protocol.describe(found, wrong_protocol.FRAMES))
        if found == wrong_protocol.HTTP:
            return wrong_protocol.http_error(HTTPStatus.BAD_REQUEST, refusal)
        return pack(refusal)


def _is_heartbeat(begun: bytes) -> bool:
    """Return whether a frame that begins so is a heartbeat."""
    return _HEARTBEAT.search(begun) is not None


class DeadlineStream:
    """What frames are read from: no limit on the wait for a frame's first byte, a deadline for the
    rest of it.

    Args:
        stream: the connection.
        seconds: longest time from a frame's first byte to its last.
        budget: memory for the frames of all clients.
    """

    def __init__(self, stream: Stream, seconds: float, budget: MemoryBudget) -> None:
        self._stream = stream
        self._seconds = seconds
        self._budget = budget
        self._received = 0  # bytes since the frame began
        self._held = 0
        self._deadline: float | None = None
        self.sendall = stream.sendall

    def end_frame(self, buffered: int) -> None:
        """Note that the last frame is complete, and answered.

        Args:
            buffered: bytes of the next one that have arrived with it.
        """
        self._received = buffered
        self._deadline = None
        if not self._held:  # nearly always
            return
        held, self._held = self._held, min(self._held, max(0, buffered - EXEMPT_BYTES))
        self._budget.release(held - self._held)

    def recv(self, size: int, /) -> bytes:
        """Receive some bytes.

        Raises:
            TimeoutError: the frame has begun and was not complete in time.
            BudgetExceeded: the frames of all clients take too much memory.
        """
        if self._received:
            with self._until_deadline():
                chunk = self._stream.recv(size)
        else:
            chunk = self._stream.recv(size)
        self._received += len(chunk)
        if self._received > EXEMPT_BYTES:
            self._reserve()
        return chunk

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive some bytes of a frame that has begun into ``buffer``; return how many.

        Raises:
            TimeoutError: the frame was not complete in time.
            BudgetExceeded: the frames of all clients take too much memory.
        """
        with self._until_deadline():
            count = self._stream.recv_into(buffer)
        self._received += count
        self._reserve()
        return count

    def _until_deadline(self) -> gevent.Timeout:
        # A byte now and then must not keep the frame open: what is left of the time counts.
        now = time.monotonic()
        if self._deadline is None:  # it has begun just now; most frames are whole at once
            self._deadline = now + self._seconds
        left = max(0.0, self._deadline - now)
        return gevent.Timeout(left, TimeoutError("the frame was not complete in time"))

    def _reserve(self) -> None:
        beyond = self._received - EXEMPT_BYTES - self._held
        if beyond > 0:
            self._budget.reserve(beyond)
            self._held += beyond

    def release(self) -> None:
        """Return the memory to the budget: the frame is no longer in use."""
        self._budget.release(self._held)
        self._held = 0
