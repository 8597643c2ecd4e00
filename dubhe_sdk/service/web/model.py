"""One connection to the model's Unix socket.

A request frame is the request's JSON. A reply frame is ``+`` and the result's JSON; ``-`` and
``{"type", "text"}`` of the exception; or ``!`` and why the request is refused. One request is
under way at a time.
"""

from __future__ import annotations

import json
import os
import socket
from time import perf_counter

from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.framing import LENGTH, pack
from dubhe_sdk.service.web.backend import InferenceFailed, ModelGone
from dubhe_sdk.service.web.stream import Stream

_CHUNK = 65536
_LARGE_CHUNK = 1 << 20

# A model that answered within this time will probably do so again: its answer is watched for,
# because to sleep and to be woken on another CPU takes about as long. Slower models, which is
# all that compute something, are never watched. With a single CPU it would only be in the way.
_SOON_SECONDS = 100e-6 if len(os.sched_getaffinity(0)) > 1 else 0.0

_OK = ord("+")
_FAILED = ord("-")
_REFUSED = ord("!")


class ModelConnection:
    """A connection to the model.

    Args:
        path: of the model's socket.

    Raises:
        ModelGone: nobody listens there.
    """

    def __init__(self, path: str) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(path)
        except OSError as error:
            sock.close()
            raise ModelGone(f"the model process cannot be reached: {error.strerror}") from None
        self._stream = Stream(sock)
        self._watch_seconds = 0.0

    def is_stale(self) -> bool:
        """Whether the model at the other end is gone, or said something nobody asked for."""
        return self._stream.has_something()

    def infer(self, body: bytes) -> bytes:
        """Send a request and wait for its result.

        Raises:
            InferenceFailed: the method raised; the connection is good for more.
            RequestInvalid: the model's parser cannot read it; the connection is good for more.
            ModelGone: the connection broke; close it.
        """
        try:
            self._stream.sendall(pack(body))
            sent = perf_counter()
            payload = self._receive()
            soon = perf_counter() - sent < _SOON_SECONDS
            self._watch_seconds = _SOON_SECONDS if soon else 0.0
        except OSError as error:
            raise ModelGone(f"the connection to the model process broke: {error}") from None
        kind = payload[0] if payload else None
        if kind == _OK:
            return payload[1:]
        if kind == _REFUSED:
            raise RequestInvalid(payload[1:].decode("utf-8", "replace"))
        if kind != _FAILED:
            raise ModelGone("the model process sent a reply that is none")
        try:
            failure = json.loads(payload[1:])
            failed = InferenceFailed(str(failure["type"]), str(failure["text"]))
        except (ValueError, KeyError, TypeError):
            raise ModelGone("the model process sent a failure that is none") from None
        raise failed

    def close(self) -> None:
        """Close it, whatever it is doing."""
        self._stream.close()

    def _receive(self) -> bytes:
        received = self._receive_some(_CHUNK, self._watch_seconds)
        while len(received) < LENGTH.size:
            received += self._receive_some(_CHUNK)
        end = LENGTH.size + LENGTH.unpack_from(received)[0]
        if len(received) < end:
            buffer = bytearray(received)
            while len(buffer) < end:
                buffer += self._receive_some(_LARGE_CHUNK)
            received = bytes(buffer)
        return received[LENGTH.size : end]

    def _receive_some(self, size: int, watch_seconds: float = 0.0) -> bytes:
        chunk = self._stream.recv(size, watch_seconds)
        if not chunk:
            raise ModelGone("the model process died while it worked on the request")
        return chunk
