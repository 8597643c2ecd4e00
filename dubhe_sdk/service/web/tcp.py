"""TCP: the contract's frames over one handler."""

from __future__ import annotations

import signal
import socket
import time
from typing import Any

import gevent
from gevent import socket as gevent_socket
from gevent.server import StreamServer

from dubhe_sdk.framing import FrameReader, FrameTooLarge, pack
from dubhe_sdk.service.web.connections import drain
from dubhe_sdk.service.web.front import STOP_SECONDS, Front, Wiring
from dubhe_sdk.service.web.options import WebOptions
from dubhe_sdk.service.web.stream import Stream


def serve(wiring: Wiring, options: WebOptions) -> int:
    """Serve until SIGTERM, or until the service parent is gone. Returns the exit status."""
    front = Front(wiring, options)
    gevent.signal_handler(signal.SIGTERM, front.ended.set)
    if not front.wait_for_state():
        return 0
    server = TcpServer(gevent_socket.socket(fileno=wiring.listen_fd), front)
    server.start()
    front.control.say_serving()
    front.ended.wait()
    if not front.orphaned:
        server.close()
        front.connections.stop()
        front.connections.join(STOP_SECONDS)
    return 0


class TcpServer(StreamServer):  # type: ignore[misc]
    """Accepts clients; each has a greenlet and sends as many requests as it likes, in order.

    Args:
        listener: a socket that listens.
        front: handler, connections, limits.
    """

    def __init__(self, listener: gevent_socket.socket, front: Front) -> None:
        super().__init__(listener, self._serve)
        self._front = front

    def _serve(self, sock: gevent_socket.socket, address: Any) -> None:
        connections = self._front.connections
        stream = Stream(socket.socket(fileno=sock.detach()))
        try:
            if connections.add(stream):
                self._serve_frames(stream)
        except OSError:
            pass  # the client is gone or too slow: there is nobody to tell
        finally:
            connections.remove(stream)
            stream.close()

    def _serve_frames(self, stream: Stream) -> None:
        connections, handler = self._front.connections, self._front.handler
        seconds = self._front.options.transfer_seconds
        patient = PatientStream(stream, seconds)
        reader = FrameReader(patient, self._front.options.max_request_bytes)
        while True:
            try:
                frame = reader.read()
            except FrameTooLarge as error:
                stream.sendall(pack(handler.refuse_too_large(error.length).body), seconds)
                drain(gevent_socket.socket(fileno=stream.detach()))
                return
            if frame is None:
                return
            connections.work(stream)
            reply = handler.handle(frame, None)
            connections.wait(stream)
            stream.sendall(pack(reply.body), seconds)
            if connections.stopping:
                return
            patient.begin_frame(reader.in_frame)


class PatientStream:
    """What a frame is read from: waits for its first byte for ever, for the rest a bounded time.

    Args:
        stream: the connection.
        seconds: what a frame may take from its first byte to its last.
    """

    def __init__(self, stream: Stream, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._deadline: float | None = None
        self.sendall = stream.sendall

    def begin_frame(self, has_bytes: bool) -> None:
        """Note that the last frame is complete.

        Args:
            has_bytes: whether part of the next one has arrived with it.
        """
        self._deadline = time.monotonic() + self._seconds if has_bytes else None

    def recv(self, size: int, /) -> bytes:
        """Receive some bytes.

        Raises:
            TimeoutError: the frame has begun and was not complete in time.
        """
        if self._deadline is None:
            chunk = self._stream.recv(size)
            self._deadline = time.monotonic() + self._seconds
            return chunk
        # A byte now and then must not keep the frame open: what is left of the time counts.
        left = max(0.0, self._deadline - time.monotonic())
        with gevent.Timeout(left, TimeoutError("the frame was not complete in time")):
            return self._stream.recv(size)
