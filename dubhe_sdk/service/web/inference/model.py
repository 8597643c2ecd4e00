"""`ModelProcess`: a model process as the web front sees it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from dubhe_sdk.contract.framing import pack, unpack_all, unpack_first
from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.service.web.inference.errors import (
    InferenceFailed,
    ModelDied,
    ModelUnavailable,
    RequestNotAccepted,
    RequestNotDelivered,
)
from dubhe_sdk.service.web.inference.model_connection import ModelConnection

# Most bytes of requests that are sent before their turn: about what a socket's buffer holds, and
# enough for a thousand short requests.
_MAX_PIPELINED_BYTES = 256 * 1024

_OK = ord("+")
_FAILED = ord("-")
_REFUSED = ord("!")
_GIVEN_BACK = ord("?")


class ModelProcess:
    """One model process: its connections and its state.

    Args:
        path: of its socket.
        shares: whether all requests go by one connection, one behind the other.
    """

    def __init__(self, path: str, shares: bool) -> None:
        self._path = path
        self._shares = shares
        self._idle: list[ModelConnection] = []  # or the one that is shared
        self._bytes = 0
        self._last_batch = 1  # requests in the call that was answered last
        self.running = 0
        """Calls that run in it or are sent ahead, as the pool counts them."""
        self.unavailable = False
        """Whether it is known not to serve at the moment."""

    def can_pipeline(self, size: int, seconds: float = math.inf, count: int = 1) -> bool:
        """Return whether a call may be sent before those under way are answered.

        Args:
            size: of its requests, in bytes.
            seconds: how quick the process must have been with the last one.
            count: of its requests.
        """
        return (
            self._shares
            and bool(self._idle)
            and self._bytes + size <= _MAX_PIPELINED_BYTES
            and self._idle[0].can_pipeline(seconds, count / self._last_batch)
        )

    def infer(self, body: bytes | SharedBody) -> bytes:
        """Run an inference in it.

        Raises:
            RequestNotAccepted: the web front has to read this shared body.
            InferenceFailed: the method raised.
            RequestInvalid: its parser cannot read the request.
            RequestNotDelivered: it is not there, or ended before it began with the request.
            ModelDied: it died.
        """
        self._bytes += len(body)
        try:
            if isinstance(body, SharedBody):
                reply = self._ask(body.message, [body.descriptor])
            else:
                reply = self._ask(body)
        finally:
            self._bytes -= len(body)
        if type(body) is bytes and reply[:1] == b"+":  # as nearly always
            return reply[1:]
        return result_of(reply, body)

    def infer_batch(self, bodies: Sequence[bytes | SharedBody]) -> list[bytes]:
        """Run several inferences in one call. Return a reply for each, for `result_of`.

        Raises:
            RequestNotDelivered: it is not there, or ended before it began with them.
            ModelDied: it died.
        """
        shared = [body.descriptor for body in bodies if isinstance(body, SharedBody)]
        replies = unpack_all(self._ask(b"".join(map(_packed, bodies)), shared))
        self._last_batch = len(bodies)
        if len(replies) != len(bodies):
            raise ModelDied("the model process sent a malformed reply")
        return replies

    def _ask(self, body: bytes, descriptors: Sequence[int] = ()) -> bytes:
        try:
            while True:
                kept = self._idle[-1] if self._shares and self._idle else self._kept()
                if kept is not None and kept.closed:
                    kept = self._kept()
                connection = kept or self._connect()
                try:
                    reply = connection.infer(body, descriptors)
                except OSError as error:
                    connection.close()
                    if kept is None:
                        raise RequestNotDelivered(
                            f"the model process died: {error.strerror}"
                        ) from None
                except BaseException:
                    if not self._shares:  # else it is the others' too
                        connection.close()
                    raise
                else:
                    if not self._shares:
                        self._idle.append(connection)
                    return reply
        except RequestNotDelivered as error:
            # Until the parent, which handles its death, publishes otherwise.
            self.unavailable = isinstance(error, ModelUnavailable)
            raise

    def _connect(self) -> ModelConnection:
        """Return a new connection; one that is shared is kept at once."""
        connection = ModelConnection(self._path)
        if self._shares:
            self._idle.append(connection)
        return connection

    def _kept(self) -> ModelConnection | None:
        """Return a connection from earlier, if there is one."""
        while self._idle:
            connection = self._idle[-1]
            if not self._shares or connection.closed:
                self._idle.pop()
            if not connection.closed:
                return connection
        return None


def _packed(body: bytes | SharedBody) -> bytes:
    return pack(body.message if isinstance(body, SharedBody) else body)


def result_of(reply: bytes, body: bytes | SharedBody) -> bytes:
    """Return the result in a reply, or raise the error in it.

    Args:
        reply: the model's.
        body: the request; one that is shared learns its number.

    Raises:
        RequestNotAccepted: the web front has to read this shared body.
        InferenceFailed: the method raised.
        RequestInvalid: the model's parser cannot read the request.
        ModelDied: the reply is malformed.
    """
    if isinstance(body, SharedBody):
        number, reply = unpack_first(reply)
        body.request_number = number
    kind = reply[0] if reply else None
    if kind == _OK:
        return reply[1:]
    if kind == _REFUSED:
        raise RequestInvalid(reply[1:].decode("utf-8", "replace"))
    if kind == _GIVEN_BACK and isinstance(body, SharedBody):
        raise RequestNotAccepted
    if kind != _FAILED:
        raise ModelDied("the model process sent a malformed reply")
    try:
        failure = json.loads(reply[1:])
        failed = InferenceFailed(str(failure["type"]), str(failure["text"]))
    except (ValueError, KeyError, TypeError):
        raise ModelDied("the model process sent a malformed failure") from None
    raise failed
