"""`ModelPool`: which model process runs an inference, how many run and how many wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import cast

from gevent.event import AsyncResult

from dubhe_sdk.service.web.backend import InferenceOverloaded, ModelAbsent, NotTaken
from dubhe_sdk.service.web.inference.model import ModelProcess


class ModelPool:
    """Gives each inference a model process that has room, in the order they came.

    If there is one process with one inference at a time, those that wait may be sent to it before
    they are due (see `dubhe_sdk.service.web.inference.model_connection`): nobody else could
    take them. They count as waiting all the same.

    Args:
        paths: the processes' sockets, by their numbers.
        concurrency: inferences that run at once in a process, each on a connection of its own.
        queue: inferences that may wait beyond those.
    """

    def __init__(self, paths: Sequence[str], concurrency: int, queue: int) -> None:
        in_line = len(paths) == 1 and concurrency == 1
        self._processes = [ModelProcess(path, shares=in_line) for path in paths]
        # Each process that dies may cost two: what it did not take, and that nobody is there.
        self._attempts = 1 if len(paths) == 1 else 2 * len(paths)
        self._concurrency = concurrency
        self._queue = queue
        self._waiting: deque[tuple[AsyncResult, int]] = deque()  # with the request's length

    def infer(self, body: bytes) -> bytes:
        """Run an inference; wait for a turn if as many as allowed are running.

        An inference whose connection breaks is not tried again: it may have had effects. One
        that did not reach its process is, if another one is there.

        Raises:
            InferenceFailed: the method raised.
            RequestInvalid: the model's parser cannot read the request.
            InferenceOverloaded: as many as allowed are waiting too.
            ModelGone: the process died, or none is there.
        """
        attempts = 0
        while True:
            process = self._take(len(body), again=attempts > 0)
            attempts += 1
            try:
                return process.infer(body)
            except NotTaken as error:
                # Until the parent, which will see its death, says otherwise.
                process.absent = isinstance(error, ModelAbsent)
                if attempts >= self._attempts or all(map(_is_absent, self._processes)):
                    raise
            finally:
                process.running -= 1
                if self._waiting:
                    self._pass_turns()

    def know_absent(self, absent: Collection[int]) -> None:
        """Learn the numbers of the processes that do not serve now."""
        for number, process in enumerate(self._processes):
            process.absent = number in absent
        self._pass_turns()

    def _free_process(self, size: int) -> ModelProcess | None:
        """Return the process with the fewest inferences, if it takes a request of this length."""
        if len(self._processes) == 1:
            process = self._processes[0]
            if process.running >= self._concurrency and process.takes_ahead(size):
                return process
        else:
            # If none is there, those that wait shall learn so, and at once.
            living = [process for process in self._processes if not process.absent]
            process = min(living or self._processes, key=_running)
        return process if process.running < self._concurrency else None

    def _take(self, size: int, again: bool = False) -> ModelProcess:
        """Return a process with room, in which one more runs from now on; wait if there is none.

        Args:
            size: the request's length.
            again: it had its turn already: before those that wait, and whatever their number.
        """
        full = not again and self._behind >= self._queue
        process = None if self._waiting and not again else self._free_process(size)
        if process is not None and (process.running < self._concurrency or not full):
            process.running += 1
            return process
        if full:
            raise InferenceOverloaded(self._describe_overload())
        turn = AsyncResult()
        waiter = (turn, size)
        if again:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)
        try:
            return cast(ModelProcess, turn.get())
        except BaseException:  # this greenlet is being ended
            if turn.ready():
                turn.value.running -= 1
                self._pass_turns()
            else:
                self._waiting.remove(waiter)
            raise

    def _pass_turns(self) -> None:
        while self._waiting and (process := self._free_process(self._waiting[0][1])) is not None:
            process.running += 1
            self._waiting.popleft()[0].set(process)

    @property
    def _behind(self) -> int:
        """How many wait, here or where they were sent ahead."""
        ahead = self._processes[0].running - self._concurrency if len(self._processes) == 1 else 0
        return len(self._waiting) + max(0, ahead)

    def _describe_overload(self) -> str:
        bound = "DUBHE_INFERENCE_CONCURRENCY"
        if len(self._processes) > 1:
            bound += " in each of DUBHE_INFERENCE_WORKERS processes"
        behind = self._behind
        running = sum(map(_running, self._processes)) + len(self._waiting) - behind
        return (
            f"service is overloaded: {running} inferences are running "
            f"({bound}) and {behind} are waiting (DUBHE_INFERENCE_QUEUE), as many as "
            "allowed; send it again later"
        )


def _is_absent(process: ModelProcess) -> bool:
    return process.absent


def _running(process: ModelProcess) -> int:
    return process.running
