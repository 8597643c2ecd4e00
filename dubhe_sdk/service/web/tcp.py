"""TCP: the contract's frames over one handler."""

from __future__ import annotations

import signal
import time
from typing import Any

import gevent
from gevent import socket
from gevent.server import StreamServer

from dubhe_sdk.framing import FrameReader, FrameTooLarge, pack
from dubhe_sdk.service.web.connections import drain
from dubhe_sdk.service.web.front import STOP_SECONDS, Front, Wiring
from dubhe_sdk.service.web.options import WebOptions


def serve(wiring: Wiring, options: WebOptions) -> int:
    """Serve until SIGTERM, or until the service parent is gone. Returns the exit status."""
    front = Front(wiring, options)
    gevent.signal_handler(signal.SIGTERM, front.ended.set)
    if not front.wait_for_state():
        return 0
    server = TcpServer(socket.socket(fileno=wiring.listen_fd), front)
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

    def __init__(self, listener: socket.socket, front: Front) -> None:
        super().__init__(listener, self._serve)
        self._front = front

    def _serve(self, sock: socket.socket, address: Any) -> None:
        connections = self._front.connections
        if not connections.add(sock):
            return  # the server closes it
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._serve_frames(sock)
        except OSError:
            pass  # the client is gone or too slow: there is nobody to tell
        finally:
            connections.remove(sock)

    def _serve_frames(self, sock: socket.socket) -> None:
        connections, handler = self._front.connections, self._front.handler
        patient = PatientSocket(sock, self._front.options.transfer_seconds)
        reader = FrameReader(patient, self._front.options.max_request_bytes)
        while True:
            try:
                frame = reader.read()
            except FrameTooLarge as error:
                sock.sendall(pack(handler.refuse_too_large(error.length).body))
                drain(sock)
                return
            if frame is None:
                return
            connections.work(sock)
            reply = handler.handle(frame, None)
            connections.wait(sock)
            sock.sendall(pack(reply.body))
            if connections.stopping:
                return
            patient.begin_frame(reader.in_frame)


class PatientSocket:
    """What a frame is read from: waits for its first byte for ever, for the rest a bounded time.

    Args:
        sock: the connection; sending on it is bounded by the same time.
        seconds: what a frame may take from its first byte to its last.
    """

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._seconds = seconds
        self._deadline: float | None = None
        sock.settimeout(seconds)
        self.sendall = sock.sendall

    def begin_frame(self, has_bytes: bool) -> None:
        """Note that the last frame is complete.

        Args:
            has_bytes: whether part of the next one has arrived with it.
        """
        if self._deadline is not None:
            self._sock.settimeout(self._seconds)
        self._deadline = time.monotonic() + self._seconds if has_bytes else None

    def recv(self, size: int, /) -> bytes:
        """Receive some bytes.

        Raises:
            TimeoutError: the frame has begun and was not complete in time.
        """
        if self._deadline is not None:
            # A byte now and then must not keep the frame open: the rest of the time counts.
            self._sock.settimeout(max(0.001, self._deadline - time.monotonic()))
            chunk: bytes = self._sock.recv(size)
            return chunk
        while True:
            try:
                chunk = self._sock.recv(size)
            except TimeoutError:
                continue  # idle between frames, which may last
            self._deadline = time.monotonic() + self._seconds
            return chunk
