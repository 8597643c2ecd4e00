"""`ModelPool`: which model process runs an inference, how many run and how many wait."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Sequence
from typing import cast

from gevent import Timeout
from gevent.event import AsyncResult

from dubhe_sdk.service.web.client import Client
from dubhe_sdk.service.web.counted_log import CountedLog
from dubhe_sdk.service.web.inference.errors import (
    ClientGone,
    InferenceOverloaded,
    ModelUnavailable,
    RequestNotDelivered,
)
from dubhe_sdk.service.web.inference.model import ModelProcess

_log = logging.getLogger(__name__)

_GONE = "the client closed the connection while its request waited; it was not run"


class ModelPool:
    """Gives each inference a model process with free capacity, in the order of arrival.

    If there is one process with one inference at a time, those that wait may be sent to it before
    they are due (see `dubhe_sdk.service.web.inference.model_connection`): no other process could
    take them. They count as waiting all the same.

    Args:
        paths: the processes' sockets, by their numbers.
        concurrency: inferences that run at once in a process, each on a connection of its own.
        queue: inferences that may wait beyond those.
        wait_seconds: how long one may wait until it begins.
    """

    def __init__(
        self, paths: Sequence[str], concurrency: int, queue: int, wait_seconds: float = 60.0
    ) -> None:
        in_line = len(paths) == 1 and concurrency == 1
        self._processes = [ModelProcess(path, shares=in_line) for path in paths]
        # Each process that dies may cost two: one not delivered, and one refused connection.
        self._attempts = 1 if len(paths) == 1 else 2 * len(paths)
        self._concurrency = concurrency
        self._queue = queue
        self._wait_seconds = wait_seconds
        self._paused = False
        self._waiting: deque[_Waiter] = deque()
        self._gone = CountedLog(_log, "inferences that were not run, since their client had gone")

    def infer(self, body: bytes, client: Client | None = None) -> bytes:
        """Run an inference; wait for a slot if as many as allowed are running.

        An inference whose connection breaks is not tried again: it may have had effects. One
        that did not reach its process is, if another one is there. One that waits is dropped when
        its turn comes, or its place is needed, if its client has gone.

        Args:
            body: the request's JSON.
            client: who has sent it, if that can be told.

        Raises:
            InferenceFailed: the method raised.
            RequestInvalid: the model's parser cannot read the request.
            InferenceOverloaded: as many as allowed are waiting too, or it has waited as long as
                allowed.
            ClientGone: the client has gone while it waited.
            ModelDied: the process died, or none is there.
        """
        attempts = 0
        while True:
            process = self._take(len(body), client, again=attempts > 0)
            attempts += 1
            try:
                return process.infer(body)
            except RequestNotDelivered as error:
                # Until the parent, which handles its death, publishes otherwise.
                process.unavailable = isinstance(error, ModelUnavailable)
                if attempts >= self._attempts or all(map(_is_unavailable, self._processes)):
                    raise
            finally:
                process.running -= 1
                if self._waiting:
                    self._dispatch()

    def mark_unavailable(self, unavailable: Collection[int]) -> None:
        """Learn the numbers of the processes that do not serve now."""
        for number, process in enumerate(self._processes):
            process.unavailable = number in unavailable
        self._paused = False
        self._dispatch()

    def pause(self) -> None:
        """Let inferences wait until `mark_unavailable`: no model is constructed yet."""
        self._paused = True

    def refuse_waiting(self, error: Exception) -> None:
        """Raise an error in the inferences that wait while paused: there will be no model."""
        if self._paused:
            self._paused = False
            while self._waiting:
                self._waiting.popleft().slot.set_exception(error)

    def _free_process(self, size: int) -> ModelProcess | None:
        """Return the process with the fewest inferences, if it takes a request of this length."""
        if self._paused:
            return None
        if len(self._processes) == 1:
            process = self._processes[0]
            if process.running >= self._concurrency and process.can_pipeline(size):
                return process
        else:
            # If none is there, those that wait shall learn so, and at once.
            living = [process for process in self._processes if not process.unavailable]
            process = min(living or self._processes, key=_running)
        return process if process.running < self._concurrency else None

    def _take(self, size: int, client: Client | None, again: bool) -> ModelProcess:
        """Return a process with free capacity, counting one more as running; wait if there is none.

        Args:
            size: the request's length.
            client: who has sent it.
            again: it had a slot before: it goes ahead of those that wait, however many they are.
        """
        full = not again and self._is_full()
        process = None if self._waiting and not again else self._free_process(size)
        if process is not None and (process.running < self._concurrency or not full):
            process.running += 1
            return process
        if full:
            raise InferenceOverloaded(self._describe_overload())
        waiter = _Waiter(size, client)
        if again:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)
        try:
            return cast(ModelProcess, waiter.slot.get(timeout=self._wait_seconds))
        except BaseException as error:  # refused, its time is over, or this greenlet is being ended
            if waiter.slot.successful():
                waiter.slot.value.running -= 1
                self._dispatch()
            elif not waiter.slot.ready():
                self._waiting.remove(waiter)
                if isinstance(error, Timeout):
                    raise InferenceOverloaded(self._describe_wait()) from None
            raise

    def _dispatch(self) -> None:
        while self._waiting:
            waiter = self._waiting[0]
            process = self._free_process(waiter.size)
            if process is None:
                return
            self._waiting.popleft()
            if waiter.has_gone():
                self._drop(waiter)
            else:
                process.running += 1
                waiter.slot.set(process)

    def _is_full(self) -> bool:
        """Return whether as many wait as allowed, when those whose client has gone are dropped."""
        if self._queued < self._queue:
            return False
        for waiter in [one for one in self._waiting if one.has_gone()]:
            self._waiting.remove(waiter)
            self._drop(waiter)
        return self._queued >= self._queue

    def _drop(self, waiter: _Waiter) -> None:
        self._gone.add(f"of {waiter.size} bytes")
        waiter.slot.set_exception(ClientGone(_GONE))

    @property
    def _queued(self) -> int:
        """How many wait, here or where they were sent ahead."""
        ahead = self._processes[0].running - self._concurrency if len(self._processes) == 1 else 0
        return len(self._waiting) + max(0, ahead)

    def _describe_wait(self) -> str:
        return (
            f"service is overloaded: the inference has not begun within {self._wait_seconds:g} s "
            "(DUBHE_INFERENCE_QUEUE_TIMEOUT_SECONDS); send it again later"
        )

    def _describe_overload(self) -> str:
        bound = "DUBHE_INFERENCE_CONCURRENCY"
        if len(self._processes) > 1:
            bound += " in each of DUBHE_INFERENCE_WORKERS processes"
        queued = self._queued
        running = sum(map(_running, self._processes)) + len(self._waiting) - queued
        return (
            f"service is overloaded: {running} inferences are running "
            f"({bound}) and {queued} are waiting (DUBHE_INFERENCE_QUEUE), as many as "
            "allowed; send it again later"
        )


class _Waiter:
    """A request that waits for a slot."""

    __slots__ = ("client", "size", "slot")

    def __init__(self, size: int, client: Client | None) -> None:
        self.slot = AsyncResult()
        self.size = size
        self.client = client

    def has_gone(self) -> bool:
        return self.client is not None and self.client.has_gone()


def _is_unavailable(process: ModelProcess) -> bool:
    return process.unavailable


def _running(process: ModelProcess) -> int:
    return process.running
