"""`ModelPool`: which model process runs an inference, how many run and how many wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from itertools import islice
from time import monotonic
from typing import Any, cast

import gevent
from gevent import Timeout, get_hub

from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.service.web.client import Client
from dubhe_sdk.service.web.inference.batch import Batch
from dubhe_sdk.service.web.inference.errors import InferenceOverloaded, RequestNotDelivered
from dubhe_sdk.service.web.inference.figures import InferenceFigures
from dubhe_sdk.service.web.inference.model import ModelProcess, result_of
from dubhe_sdk.service.web.inference.service_time import ServiceTime
from dubhe_sdk.service.web.inference.waiting import Waiter, WaitingLine

# For a model that takes longer it makes no difference when the next request reaches it.
_QUICK_SECONDS = 5e-3

# Of several processes, each gets at most so many requests before they are due, if it is so quick.
_MOST_AHEAD = 4
_QUICK_SECONDS_OF_SEVERAL = 1e-3


class ModelPool:
    """Gives each inference a model process with free capacity, in the order of arrival.

    If each process runs one inference at a time, those that wait may be sent to a quick one before
    they are due (see `dubhe_sdk.service.web.inference.model_connection`), the one with the fewest.
    They count as waiting all the same. What stands behind a request that takes unusually long waits
    for it, even if another process becomes free. So of several processes each gets only a few, if
    it answers within a millisecond, and none while one of them is missing and may come back.

    If the method takes batches, a process with free capacity gets what waits, up to the size of a
    batch: at once if it is idle; if it has another call under way, when the batch is full or its
    first request has waited long enough. A single process that is quick gets one full batch before
    it is due. A request that comes alone to an idle process is its batch of one: neither a greenlet
    nor a place in the line stands between them, which took a twentieth of the rate of one client.

    Args:
        paths: the processes' sockets, by their numbers.
        concurrency: calls that run at once in a process, each on a connection of its own.
        queue: inferences that may wait beyond those.
        wait_seconds: how long one may wait until it begins.
    """

    def __init__(
        self, paths: Sequence[str], concurrency: int, queue: int, wait_seconds: float = 60.0
    ) -> None:
        self._processes = [ModelProcess(path, shares=concurrency == 1) for path in paths]
        self._most_ahead = queue if len(paths) == 1 else min(queue, _MOST_AHEAD)
        self._quick_seconds = _QUICK_SECONDS if len(paths) == 1 else _QUICK_SECONDS_OF_SEVERAL
        # Each process that dies may cost two: one not delivered, and one refused connection.
        self._attempts = 1 if len(paths) == 1 else 2 * len(paths)
        self._concurrency = concurrency
        self._queue = queue
        self._wait_seconds = wait_seconds
        self._paused = False
        self._figures = InferenceFigures()
        self._waiting = WaitingLine(self._figures)
        self._batch_size = 1
        self._batch_wait_seconds = 0.0
        self._batches: deque[int] = deque()  # sizes of those that were sent, in their order
        self._dispatches_soon = False
        self._due: gevent.Greenlet | None = None  # dispatches when a batch has waited long enough
        self._service_time = ServiceTime()

    def infer(self, body: bytes | SharedBody, client: Client | None = None) -> bytes:
        """Run an inference; wait for a slot if as many as allowed are running.

        An inference whose connection breaks is not tried again: it may have had effects. One
        that did not reach its process is, if another one is there. One that waits is dropped when
        its turn comes, or its place is needed, if its client has gone.

        Args:
            body: the request's JSON; long ones as they came, for the model process to check.
            client: who has sent it, if that can be told.

        Raises:
            RequestNotAccepted: the web front has to read this shared body.
            InferenceFailed: the method raised.
            RequestInvalid: the model's parser cannot read the request.
            InferenceOverloaded: as many as allowed are waiting too, or it has waited as long as
                allowed.
            ClientGone: the client has gone while it waited.
            ModelDied: the process died, or none is there.
        """
        process = None if self._waiting else self._take(len(body), client)
        waiter: Waiter | None = None
        attempts = 0
        while True:
            attempts += 1
            try:
                if process is not None:
                    return self._infer_alone(process, body)
                if waiter is None:
                    if attempts == 1 and self._is_full():
                        self._figures.refused += 1
                        raise InferenceOverloaded(self._describe_overload())
                    waiter = Waiter(body, client, first=attempts > 1)
                turn = self._wait_for_turn(waiter)
                if isinstance(turn, Batch):
                    return turn.wait(waiter)
                return self._infer_alone(turn, body)
            except RequestNotDelivered:
                if attempts >= self._attempts or all(map(_is_unavailable, self._processes)):
                    raise
                process = None  # it goes ahead of those that wait, however many they are

    def describe(self) -> dict[str, Any]:
        """Return its figures, as JSON has them."""
        return self._figures.to_json(self._queued)

    def set_batches(self, size: int, wait_seconds: float) -> None:
        """Learn what the method takes, before the `mark_unavailable` that ends a `pause`.

        Args:
            size: most requests in a call; with 1 it takes a request and no batch.
            wait_seconds: how long a request waits for others while its process is at work.
        """
        self._batch_size, self._batch_wait_seconds = size, wait_seconds

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
        """Raise an error in the inferences that wait: there will be no model for them."""
        self._paused = False
        while self._waiting:
            self._waiting.popleft().slot.set_exception(error)

    def _infer_alone(self, process: ModelProcess, body: bytes | SharedBody) -> bytes:
        """Run one in a process in which it counts as running."""
        batched = self._batch_size > 1
        try:
            if not batched:
                return process.infer(body)
            self._batches.append(1)
            self._figures.batches.add(1)
            return result_of(process.infer_batch([body])[0], body)
        finally:
            if batched:
                self._batches.remove(1)
            self._service_time.add()
            process.running -= 1
            if self._waiting:
                self._dispatch()

    def _take(self, size: int, client: Client | None) -> ModelProcess | None:
        """Return a process that can run a request of this length now, counting one more.

        None if there is none, or if it has to gather with others.
        """
        if self._batch_size > 1 and (client is None or client.others_have_come()):
            return None
        process = self._free_process(size)
        if process is None or (self._batch_size > 1 and process.running):
            return None
        if process.running >= self._concurrency and self._is_full():
            return None
        self._begin_in(process)
        self._figures.begun_at_once += 1
        return process

    def _begin_in(self, process: ModelProcess) -> None:
        """Count a call more in it."""
        if process.running == 0 and (
            len(self._processes) == 1 or not any(map(_running, self._processes))
        ):
            self._service_time.resume()
        process.running += 1

    def _free_process(self, size: int) -> ModelProcess | None:
        """Return the process with the fewest inferences, if it takes a request of this length."""
        if self._paused:
            return None
        processes = self._processes
        process = processes[0]
        if len(processes) > 1:
            # If none is there, those that wait shall learn so, and at once.
            processes = [process for process in processes if not process.unavailable] or processes
            process = min(processes, key=_running)
        if process.running < self._concurrency:
            return process
        if self._batch_size > 1:
            return process if self._may_have_next_batch(process) else None
        if process.running >= self._concurrency + self._most_ahead:
            return None
        if len(self._processes) > 1 and len(processes) < len(self._processes):
            return None
        return process if process.can_pipeline(size, self._quick_seconds) else None

    def _may_have_next_batch(self, process: ModelProcess) -> bool:
        """Return whether a process that is at work may get one batch ahead: if that is full.

        Between two calls lie half a millisecond and two wake-ups, unless the next one is there.
        """
        count = self._batch_size
        if len(self._processes) > 1 or process.running > self._concurrency:
            return False
        if len(self._waiting) < count:
            return False
        return process.can_pipeline(self._waiting.size(count), count=count)

    def _wait_for_turn(self, waiter: Waiter) -> ModelProcess | Batch:
        """Wait in the line. Return the process in which it counts as running, or its batch."""
        waiter.begin()
        self._waiting.add(waiter)
        if self._batch_size == 1:
            if waiter.goes_first:
                self._dispatch()
        else:  # once all requests that are there have been read
            self._dispatch_soon()
        try:
            return cast("ModelProcess | Batch", waiter.slot.get(timeout=self._wait_seconds))
        except BaseException as error:  # refused, its time is over, or this greenlet is being ended
            if waiter.slot.successful():
                if isinstance(waiter.slot.value, ModelProcess):
                    waiter.slot.value.running -= 1
                    self._dispatch()
            elif not waiter.slot.ready():
                self._waiting.remove(waiter)
                if isinstance(error, Timeout):
                    self._figures.refused += 1
                    raise InferenceOverloaded(self._describe_wait()) from None
            raise

    def _dispatch_soon(self) -> None:
        if not self._dispatches_soon:
            self._dispatches_soon = True
            get_hub().loop.run_callback(self._dispatch)

    def _dispatch(self) -> None:
        """Give their turn to those who can have it now."""
        self._dispatches_soon = False
        while self._waiting:
            process = self._free_process(len(self._waiting[0].body))
            if process is None or not (process.running == 0 or self._is_due()):
                return
            members = self._waiting.pop_living(self._batch_size)
            is_ahead = self._batch_size > 1 and process.running >= self._concurrency
            if is_ahead and len(members) < self._batch_size:  # the clients of others have gone
                self._waiting.put_back(members)
                continue
            if not members:
                continue
            self._begin_in(process)
            now = monotonic()
            for member in members:
                self._figures.waits.add(now - member.since)
            if self._batch_size == 1:
                members[0].slot.set(process)
                if self._waiting:
                    # When this one has been sent, others may follow it ahead. Who comes meanwhile
                    # waits behind them, so with one at each reply the line would never be empty.
                    self._dispatch_soon()
            else:
                self._begin(Batch(process, members))

    def _is_due(self) -> bool:
        """Return whether a process that is at work shall get a further call now."""
        if len(self._waiting) >= self._batch_size:
            return True
        left = self._waiting[0].since + self._batch_wait_seconds - monotonic()
        if left <= 0:
            return True
        if self._due is not None:
            self._due.kill(block=False)
        self._due = gevent.spawn_later(left, self._dispatch)
        return False

    def _begin(self, batch: Batch) -> None:
        self._batches.append(len(batch))
        self._figures.batches.add(len(batch))
        # In a greenlet of its own: the end of a member's must not end the others. It comes before
        # the members, which have nothing to do but to wait.
        gevent.spawn(self._run, batch)
        for member in batch.members:
            member.slot.set(batch)
        if len(self._waiting) >= self._batch_size:
            self._dispatch_soon()  # when it has been sent, one may follow it ahead

    def _run(self, batch: Batch) -> None:
        try:
            batch.run()
        finally:
            self._batches.remove(len(batch))
            self._service_time.add(len(batch))
            batch.process.running -= 1
            self._dispatch()  # first: the model works on while the replies go out
        batch.finish()

    def _is_full(self) -> bool:
        """Return whether as many wait as allowed, when those whose client has gone are dropped."""
        allowed = self._queue if self._batch_size == 1 else self._queue + self._room
        if self._queued < allowed:
            return False
        self._waiting.drop_gone()
        return self._queued >= allowed

    @property
    def _room(self) -> int:
        """How many do not have to wait, but for a batch to be put together."""
        if self._paused:
            return 0
        there = [one for one in self._processes if not one.unavailable] or self._processes
        return self._batch_size * sum(max(0, self._concurrency - one.running) for one in there)

    @property
    def _queued(self) -> int:
        """How many wait, here or where they were sent ahead."""
        queued = len(self._waiting)
        if self._batch_size > 1:
            return queued + self._ahead
        for process in self._processes:  # no generator: each request asks
            if process.running > self._concurrency:
                queued += process.running - self._concurrency
        return queued

    @property
    def _ahead(self) -> int:
        """Of batches: how many were sent before they are due, to a process one behind the other."""
        return sum(islice(self._batches, self._concurrency * len(self._processes), None))

    def _describe_wait(self) -> str:
        return (
            f"service is overloaded: the inference has not begun within {self._wait_seconds:g} s "
            f"(DUBHE_INFERENCE_QUEUE_TIMEOUT_SECONDS), {self._queued} others wait; "
            + self._advice(self._queued)
        )

    def _describe_overload(self) -> str:
        bound = "DUBHE_INFERENCE_CONCURRENCY"
        if len(self._processes) > 1:
            bound += " in each of DUBHE_INFERENCE_WORKERS processes"
        queued = self._queued
        if self._batch_size > 1:
            bound += f", max_batch_size={self._batch_size}"
            running = sum(self._batches) - self._ahead
        else:
            running = sum(map(_running, self._processes)) + len(self._waiting) - queued
        return (
            f"service is overloaded: {running} inferences are running "
            f"({bound}) and {queued} are waiting (DUBHE_INFERENCE_QUEUE), as many as "
            f"allowed; {self._advice(running + queued)}"
        )

    def _advice(self, count: int) -> str:
        """Return when to send a request again. Where nothing runs, no rate says it: since the last
        answer the service may have been idle for hours.
        """
        if any(map(_running, self._processes)):
            return self._service_time.advice(count)
        return "send it again later"


def _is_unavailable(process: ModelProcess) -> bool:
    return process.unavailable


def _running(process: ModelProcess) -> int:
    return process.running
