"""Training and evaluation: one task after another, in the main thread."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dubhe_sdk.api.context import TASK_VARIABLE, Context, set_task
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.ipc.channel import Channel
from dubhe_sdk.model.failure import describe, is_success, log_failure
from dubhe_sdk.model.fork_guard import foreign_code
from dubhe_sdk.model.stop import StopSignal


class TaskRunner:
    """Runs the tasks that the parent sends, and reports how each ended.

    Args:
        method: the algorithm's bound method.
        settings: the environment.
        task_file: where the running task's request lies for its child processes.
        channel: to the parent.
        stop: shows whether a stop was asked for.
        log: the SDK's logger.
    """

    def __init__(
        self,
        method: Callable[[Context], Any],
        settings: Settings,
        task_file: Path,
        channel: Channel,
        stop: StopSignal,
        log: logging.Logger,
    ) -> None:
        self._method = method
        self._settings = settings
        self._task_file = task_file
        self._channel = channel
        self._stop = stop
        self._log = log

    def serve(self) -> None:
        """Run tasks until the parent closes the channel or a stop is asked for."""
        while not self._stop.raised:
            try:
                message = self._channel.receive()
            except TaskStopped:
                return
            if message is None:
                return
            context = Context(message["request"], self._settings)
            error = self._run(context)
            complete = context.last_progress == 1
            self._channel.send({"op": "ended", "error": error, "complete": complete})

    def _run(self, context: Context) -> str | None:
        """Run the method once; return None if it ended well, otherwise what went wrong."""
        try:
            self._task_file.write_text(json.dumps(context.json_request), "utf-8")
            os.environ[TASK_VARIABLE] = str(self._task_file)
            set_task(context)
            with foreign_code(self._log):
                self._method(context)
        except BaseException as error:  # noqa: BLE001 - sent to the parent, which reports END
            if self._stop.raised:
                return "the task was stopped by SIGTERM before its end"
            if is_success(error):
                return None
            log_failure(self._log, "the task failed", error)
            return describe(error)
        finally:
            set_task(None)
            os.environ.pop(TASK_VARIABLE, None)
            self._task_file.unlink(missing_ok=True)
        return "the task was stopped by SIGTERM before its end" if self._stop.raised else None
