"""One connection to the model's Unix socket.

A request frame is the request's JSON. A reply frame is ``+`` and the result's JSON, or ``-`` and
``{"type", "text"}`` of the exception. One request is under way at a time.

This is the hot path, so it works on the bare non-blocking socket: a request is written at once
nearly always, and only the reply is waited for.
"""

from __future__ import annotations

import json
import socket

from gevent import get_hub

from dubhe_sdk.framing import LENGTH, pack
from dubhe_sdk.service.web.backend import InferenceFailed, ModelGone

_CHUNK = 65536
_READ, _WRITE = 1, 2

_OK = 0x2B  # "+"
_FAILED = 0x2D  # "-"


class ModelConnection:
    """A connection to the model.

    Args:
        path: of the model's socket.

    Raises:
        ModelGone: nobody listens there.
    """

    def __init__(self, path: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        try:
            self._sock.connect(path)
        except OSError as error:
            self._sock.close()
            raise ModelGone(f"the model process cannot be reached: {error.strerror}") from None
        self._hub = get_hub()
        self._readable = self._hub.loop.io(self._sock.fileno(), _READ)
        self._writable = self._hub.loop.io(self._sock.fileno(), _WRITE)

    def is_stale(self) -> bool:
        """Whether the model at the other end is gone: a new connection is needed."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True  # the end, or a byte nobody asked for

    def infer(self, body: bytes) -> bytes:
        """Send a request and wait for its result.

        Raises:
            InferenceFailed: the method raised; the connection is good for more.
            ModelGone: the connection broke; close it.
        """
        try:
            self._send(pack(body))
            payload = self._receive()
        except OSError as error:
            raise ModelGone(f"the connection to the model process broke: {error}") from None
        if payload[0] == _OK:
            return payload[1:]
        if payload[0] == _FAILED:
            failure = json.loads(payload[1:])
            raise InferenceFailed(str(failure["type"]), str(failure["text"]))
        raise ModelGone("the model process sent a reply that is none")

    def close(self) -> None:
        """Close it, whatever it is doing."""
        self._readable.close()
        self._writable.close()
        self._sock.close()

    def _send(self, frame: bytes) -> None:
        rest = memoryview(frame)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                self._hub.wait(self._writable)

    def _receive(self) -> bytes:
        received = self._receive_some()
        while len(received) < LENGTH.size:
            received += self._receive_some()
        end = LENGTH.size + LENGTH.unpack_from(received)[0]
        if len(received) < end:
            buffer = bytearray(received)
            while len(buffer) < end:
                buffer += self._receive_some()
            received = bytes(buffer)
        if len(received) != end or end == LENGTH.size:
            raise ModelGone("the model process sent a reply that is none")
        return received[LENGTH.size :]

    def _receive_some(self) -> bytes:
        while True:
            self._hub.wait(self._readable)
            try:
                chunk = self._sock.recv(_CHUNK)
            except BlockingIOError:
                continue
            if not chunk:
                raise ModelGone("the model process died while it worked on the request")
            return chunk
