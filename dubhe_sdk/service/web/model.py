"""A model process as the web front sees it, and the connections to its Unix socket.

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
from dubhe_sdk.service.web.backend import (
    InferenceFailed,
    ModelAbsent,
    ModelGone,
    NotTaken,
)
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


class ModelProcess:
    """One model process: the connections that are kept to it, and what is known of it.

    Args:
        path: of its socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[ModelConnection] = []
        self.running = 0
        """Inferences that run in it, as the pool counts them."""
        self.absent = False
        """Whether it is known not to serve now."""

    def infer(self, body: bytes) -> bytes:
        """Run an inference in it.

        Raises:
            InferenceFailed: the method raised.
            RequestInvalid: its parser cannot read the request.
            NotTaken: it is not there, or ended before it took the request.
            ModelGone: it died.
        """
        connection = self._sent(pack(body))
        try:
            result = connection.receive()
        except (InferenceFailed, RequestInvalid):
            self._idle.append(connection)
            raise
        except BaseException:
            connection.close()  # a reply may come that belongs to nobody
            raise
        self._idle.append(connection)
        return result

    def _sent(self, frame: bytes) -> ModelConnection:
        """Return the connection by which the request has been sent."""
        while True:
            kept = bool(self._idle)
            connection = self._idle.pop() if kept else ModelConnection(self._path)
            try:
                connection.send(frame)
            except OSError as error:
                connection.close()
                if not kept:
                    raise NotTaken(f"the model process died: {error.strerror}") from None
            except BaseException:
                connection.close()
                raise
            else:
                return connection


class ModelConnection:
    """A connection to the model.

    Args:
        path: of the model's socket.

    Raises:
        ModelAbsent: nobody listens there.
        ModelGone: the connection cannot be made for another reason.
    """

    def __init__(self, path: str) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(path)
        except OSError as error:
            sock.close()
            absent = isinstance(error, (ConnectionRefusedError, FileNotFoundError))
            kind = ModelAbsent if absent else ModelGone
            raise kind(f"the model process cannot be reached: {error.strerror}") from None
        self._stream = Stream(sock)
        self._watch_seconds = 0.0

    def send(self, frame: bytes) -> None:
        """Send a request.

        Raises:
            OSError: the model process is gone. It has not got the whole request and did not
                begin with it: a Unix socket takes nothing once its other end is closed.
        """
        self._stream.sendall(frame)

    def receive(self) -> bytes:
        """Wait for the result of the request that was sent.

        Raises:
            InferenceFailed: the method raised; the connection is good for more.
            RequestInvalid: the model's parser cannot read it; the connection is good for more.
            NotTaken: the process ended without having read the request; close it.
            ModelGone: the connection broke; close it.
        """
        try:
            sent = perf_counter()
            payload = self._receive()
            soon = perf_counter() - sent < _SOON_SECONDS
            self._watch_seconds = _SOON_SECONDS if soon else 0.0
        except ConnectionResetError:
            # unix(7) sockets are reset if their other end is closed with something unread in it,
            # and otherwise end. So the method has not begun: it gets the request when it is whole.
            raise NotTaken("the model process died before it took the request") from None
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
        if len(received) > end:
            raise ModelGone("the model process said something nobody asked for")
        return received[LENGTH.size :]

    def _receive_some(self, size: int, watch_seconds: float = 0.0) -> bytes:
        chunk = self._stream.recv(size, watch_seconds)
        if not chunk:
            raise ModelGone("the model process died while it worked on the request")
        return chunk
