"""TCP: the contract's frames over one handler."""

from __future__ import annotations

import signal
import socket
import time
from typing import Any

import gevent
from gevent import socket as gevent_socket
from gevent.server import StreamServer

from dubhe_sdk.contract.framing import FrameReader, FrameTooLarge, pack
from dubhe_sdk.service.web.limits.connections import drain
from dubhe_sdk.service.web.limits.memory_budget import FREE_BYTES, NoRoom, Room
from dubhe_sdk.service.web.options import WebOptions
from dubhe_sdk.service.web.runtime import STOP_SECONDS, Front, Wiring
from dubhe_sdk.service.web.tcp.stream import Stream


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
        seconds = self._front.options.transfer_timeout_seconds
        patient = PatientStream(stream, seconds, self._front.room)
        try:
            self._serve_patiently(stream, patient)
        finally:
            patient.release()

    def _serve_patiently(self, stream: Stream, patient: PatientStream) -> None:
        connections, handler = self._front.connections, self._front.handler
        seconds = self._front.options.transfer_timeout_seconds
        reader = FrameReader(patient, self._front.options.max_request_bytes)
        while True:
            try:
                frame = reader.read()
            except (FrameTooLarge, NoRoom) as error:
                refusal = (
                    handler.refuse_too_large(error.length)
                    if isinstance(error, FrameTooLarge)
                    else handler.refuse(str(error))
                )
                stream.sendall(pack(refusal.body), seconds)
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
            patient.begin_frame(reader.buffered)


class PatientStream:
    """What a frame is read from: waits for its first byte for ever, for the rest a bounded time.

    Args:
        stream: the connection.
        seconds: what a frame may take from its first byte to its last.
        room: what the frames of all clients may take.
    """

    def __init__(self, stream: Stream, seconds: float, room: Room) -> None:
        self._stream = stream
        self._seconds = seconds
        self._room = room
        self._received = 0  # bytes since the frame began
        self._held = 0
        self._deadline: float | None = None
        self.sendall = stream.sendall

    def begin_frame(self, buffered: int) -> None:
        """Note that the last frame is complete, and answered.

        Args:
            buffered: bytes of the next one that have arrived with it.
        """
        self._deadline = time.monotonic() + self._seconds if buffered else None
        self._received = buffered
        held, self._held = self._held, min(self._held, max(0, buffered - FREE_BYTES))
        self._room.give(held - self._held)

    def recv(self, size: int, /) -> bytes:
        """Receive some bytes.

        Raises:
            TimeoutError: the frame has begun and was not complete in time.
            NoRoom: the frames of all clients take too much memory.
        """
        if self._deadline is None:
            chunk = self._stream.recv(size)
            self._deadline = time.monotonic() + self._seconds
        else:
            # A byte now and then must not keep the frame open: what is left of the time counts.
            left = max(0.0, self._deadline - time.monotonic())
            with gevent.Timeout(left, TimeoutError("the frame was not complete in time")):
                chunk = self._stream.recv(size)
        self._received += len(chunk)
        beyond = self._received - FREE_BYTES - self._held
        if beyond > 0:
            self._room.take(beyond)
            self._held += beyond
        return chunk

    def release(self) -> None:
        """Give back the room: nobody holds the frame any more."""
        self._room.give(self._held)
        self._held = 0
