"""Training and evaluation: one task after another, in the main thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.current_task import close_task, open_task
from dubhe_sdk.contract import messages
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.ipc.channel import Channel
from dubhe_sdk.ipc.rank_failures import forget_failures, read_failures
from dubhe_sdk.model.failure import describe, is_success, log_failure
from dubhe_sdk.model.fork_guard import foreign_code
from dubhe_sdk.model.outcome import check_task
from dubhe_sdk.model.rank_group import RankGroup
from dubhe_sdk.model.stop import StopSignal

_GPUS = "CUDA_VISIBLE_DEVICES"
_STOPPED = messages.stopped()


@contextmanager
def _gpus(context: Context) -> Iterator[None]:
    """Let the GPUs that the request gives be those of its method and its child processes.

    Only those that the request really has, not the default of `Context.get`.
    """
    allocation = context.json_request.get("resource_allocation")
    given = allocation.get(_GPUS) if isinstance(allocation, dict) else None
    if given is None:
        yield
        return
    before = os.environ.get(_GPUS)
    os.environ[_GPUS] = str(given)
    try:
        yield
    finally:
        os.environ.pop(_GPUS)
        if before is not None:
            os.environ[_GPUS] = before


class TaskRunner:
    """Runs the tasks that the parent sends, and reports how each ended.

    Args:
        method: the algorithm's bound method.
        settings: the environment.
        task_file: where the running task's request lies for its child processes.
        channel: to the parent.
        stop: shows whether a stop was asked for.
        log: the SDK's logger.
        ranks: that take part in each task; None if there are none beside the service.
    """

    def __init__(
        self,
        method: Callable[[Context], Any],
        settings: Settings,
        task_file: Path,
        channel: Channel,
        stop: StopSignal,
        log: logging.Logger,
        ranks: RankGroup | None = None,
    ) -> None:
        self._method = method
        self._settings = settings
        self._task_file = task_file
        self._channel = channel
        self._stop = stop
        self._log = log
        self._ranks = ranks

    def serve(self) -> None:
        """Run tasks until the parent closes the channel or a stop is asked for."""
        while not self._stop.asked:
            try:
                message = self._channel.receive()
                if message is None:
                    return
                context = Context(message["request"], self._settings)
                error = self._run(context)
            except TaskStopped:  # before the method began
                return
            complete = context.last_progress == 1
            self._channel.send({"op": "ended", "error": error, "complete": complete})
            self._stop.resume()

    def _run(self, context: Context) -> str | None:
        """Run the method once; return None if it ended well, otherwise what went wrong."""
        forget_failures(self._task_file)
        open_task(context, self._task_file)
        failure: BaseException | None = None
        try:
            with self._stop.task(), _gpus(context), foreign_code(self._log):
                check_task(self._method(context))
                if self._ranks is not None:
                    self._ranks.wait(self._task_file)
        except BaseException as error:  # noqa: BLE001 - sent to the parent, which reports END
            failure = error
        if self._stop.asked:
            # The task goes on in its child processes: the parent ends them, and only then says END.
            return self._after_stop(context, failure)
        close_task(context, self._task_file)
        ranks = read_failures(self._task_file)
        if failure is None or is_success(failure):
            return ranks or None
        log_failure(self._log, "the task failed", failure)
        return f"{ranks}; {describe(failure)}" if ranks else describe(failure)

    def _after_stop(self, context: Context, failure: BaseException | None) -> str | None:
        """Judge a method that has ended after a stop was asked for.

        Whether it went on to its end or left its loop early cannot be seen from how it returned:
        the algorithm, or a library, may have taken SIGTERM for itself. Its progress tells it.
        """
        if failure is None or is_success(failure):
            return None if context.last_progress == 1 else _STOPPED
        if not isinstance(failure, TaskStopped):
            log_failure(self._log, "the task failed while it was stopped", failure)
        return _STOPPED
