"""`ModelPool`: bounds how many inferences run and wait, in the order they came."""

from __future__ import annotations

from collections import deque

from gevent.event import AsyncResult

from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.service.web.backend import InferenceFailed, InferenceOverloaded
from dubhe_sdk.service.web.model import ModelConnection


class ModelPool:
    """Connections to the model, opened when needed and kept.

    Args:
        path: of the model's socket.
        concurrency: inferences that run at once, each on a connection of its own.
        queue: inferences that may wait beyond those.
    """

    def __init__(self, path: str, concurrency: int, queue: int) -> None:
        self._path = path
        self._concurrency = concurrency
        self._queue = queue
        self._running = 0
        self._waiting: deque[AsyncResult] = deque()
        self._idle: list[ModelConnection] = []

    def infer(self, body: bytes) -> bytes:
        """Run an inference; wait for a turn if as many as allowed are running.

        An inference whose connection breaks is not tried again: it may have had effects.

        Raises:
            InferenceFailed: the method raised.
            InferenceOverloaded: as many as allowed are waiting too.
            ModelGone: the model died or is not there.
        """
        self._await_turn()
        try:
            connection = self._connection()
            try:
                result = connection.infer(body)
            except (InferenceFailed, RequestInvalid):
                self._idle.append(connection)
                raise
            except BaseException:
                connection.close()  # a reply may come that belongs to nobody
                raise
            self._idle.append(connection)
            return result
        finally:
            self._pass_turn()

    def _connection(self) -> ModelConnection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_stale():
                return connection
            connection.close()
        return ModelConnection(self._path)

    def _await_turn(self) -> None:
        if self._running < self._concurrency:
            self._running += 1
            return
        if len(self._waiting) >= self._queue:
            raise InferenceOverloaded(
                f"service is overloaded: {self._running} inferences are running "
                f"(DUBHE_INFERENCE_CONCURRENCY) and {len(self._waiting)} are waiting "
                "(DUBHE_INFERENCE_QUEUE), as many as allowed; send it again later"
            )
        turn = AsyncResult()
        self._waiting.append(turn)
        try:
            turn.get()
        except BaseException:  # this greenlet is being ended
            if turn.ready():
                self._pass_turn()
            else:
                self._waiting.remove(turn)
            raise

    def _pass_turn(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()  # the number running stays
        else:
            self._running -= 1
