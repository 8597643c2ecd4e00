"""One task of the workflow, from the start of its instance to its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.contract.messages import STATUS_OK
from dubhe_sdk.contract.requests import FLAG_OK
from dubhe_sdk.errors import KindUnsupported
from dubhe_simulator.errors import TaskFailed
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Condition
from dubhe_simulator.platform.state.records import InstanceRecord, Run
from dubhe_simulator.platform.workflow_events import (
    HeartbeatChanged,
    InferenceAnswered,
    InstanceReady,
    InstanceStarted,
    InstanceStopped,
    InstanceWaiting,
    Listener,
    TaskEnded,
    TaskProgress,
)

if TYPE_CHECKING:
    from dubhe_simulator.platform.platform import Platform

POLL_INTERVAL_S = 0.2
ACKNOWLEDGE_TIMEOUT_S = 60.0  # of the request for a training or an evaluation
# The platform's message names the error's class, which is the same in every version.
_UNSUPPORTED = f" current model error {KindUnsupported.__name__}: "


class TaskUnsupported(TaskFailed):
    """The algorithm has no method for this kind of task."""


class TaskWasStopped(TaskFailed):
    """Somebody stopped the task."""


class TaskRun:
    """One task.

    Args:
        platform: on which it runs.
        kind: of task.
        listener: is told what happens.
    """

    def __init__(self, platform: Platform, kind: TaskKind, listener: Listener) -> None:
        self._platform = platform
        self._kind = kind
        self._listener = listener
        self._alive: bool | None = None  # as the listener was told
        self._progress: TaskProgress | None = None
        self._runs_before = 0
        self._condition: dict[str, str] = {}
        self.instance = ""

    @property
    def run(self) -> Run | None:
        """The run that the request began."""
        with self._platform.registry.lock:
            run = self._platform.registry.runs.get(self._record().reported.last_run)
            return run if run is not None and run.number > self._runs_before else None

    def start(self, model: Path | None, params: Mapping[str, Any] | None, folder: Path) -> None:
        """Start an instance, or take one that waits for such a task; wait until it is ready.

        Args:
            model: the model file for evaluation and inference.
            params: business parameters; None for the platform's own.
            folder: of the workflow; the instance's own is made below it.

        Raises:
            TaskFailed: it did not become ready in time.
            Refused: it cannot be started.
        """
        begun, manager = time.monotonic(), self._platform.manager
        found = manager.find_idle(self._kind, model, params)
        self.instance = found or manager.start(self._kind, model, params, folder)
        self._runs_before = self._record().reported.runs
        self._listener(InstanceStarted(self._kind, self.instance))
        timeout = self._platform.config.ready_timeout_s
        self._wait_for("READY", lambda record: record.reported.ready, timeout)
        manager.poll()  # the first heartbeat goes out now
        self._wait_for("heartbeat", lambda record: record.alive is not None, timeout)
        record = self._record()
        if not record.alive:
            raise self._failed("ready_but_no_heartbeat", problem=record.heartbeat_error)
        self._alive = True
        self._listener(InstanceReady(self._kind, time.monotonic() - begun))

    def execute(self, body: dict[str, Any]) -> None:
        """Have a training or an evaluation done and wait for its END.

        Raises:
            TaskFailed: it was refused, failed, or took too long.
        """
        begun = time.monotonic()
        self._request(body, ACKNOWLEDGE_TIMEOUT_S)

        def ended(record: InstanceRecord) -> bool:
            # Of this run: an instance that was taken over may have an END of its last one.
            run = self.run
            return run is not None and run.ended_ms is not None

        self._wait_for("END", ended, self._platform.config.task_timeout_s)
        self._check_end(self._record())
        metrics = self._progress.metrics if self._progress else {}
        self._listener(TaskEnded(self._kind, time.monotonic() - begun, metrics))

    def infer(self, body: dict[str, Any]) -> Any:
        """Have an inference done and return what the algorithm answered.

        Raises:
            TaskFailed: it was refused or failed.
        """
        answer = self._request(body, self._platform.config.task_timeout_s)
        self._listener(InferenceAnswered(self._kind, answer["ms"]))
        return answer["reply"].get("data")

    def stop(self) -> None:
        """End the instance and take in its last messages."""
        exit_info = self._platform.manager.stop(self.instance)
        self._platform.catch_up()
        self._listener(InstanceStopped(self._kind, exit_info))

    def _request(self, body: dict[str, Any], timeout: float | None) -> dict[str, Any]:
        answer = self._platform.send(self.instance, body, timeout)
        if answer["reply"] is None:
            raise self._failed("no_answer", error=answer["error"])
        if answer["reply"].get("flag") != FLAG_OK:
            raise self._failed("refused", message=answer["reply"].get("message"))
        return answer

    def _wait_for(
        self, action: str, done: Callable[[InstanceRecord], bool], timeout: float | None
    ) -> None:
        platform, deadline = (
            self._platform,
            time.monotonic() + (math.inf if timeout is None else timeout),
        )
        while not self._is(done, POLL_INTERVAL_S):
            managed = self._record().managed
            if platform.closing:
                raise self._failed("ui_closing")
            if managed.gone:
                platform.catch_up()  # its last messages may still be on their way
                if self._is(done):
                    return
                if managed.stopped:
                    raise TaskWasStopped(translate("ui_stopped"), self._logs())
                failure = self._failed("ended_early", status=managed.exit_status, action=action)
                raise self._with_condition(failure)
            if platform.source.outage_s > (platform.config.outage_timeout_s or math.inf):
                raise self._failed("source_broken", error=platform.source.error)
            if time.monotonic() >= deadline:
                raise self._with_condition(self._failed("timeout", action=action, seconds=timeout))

    def _is(self, done: Callable[[InstanceRecord], bool], timeout: float = 0.0) -> bool:
        """Report what is new, and return whether it is done; wait a moment for a change if not.

        Raises:
            TaskFailed: the instance reported a failure.
        """
        registry = self._platform.registry
        with registry.changed:
            if not done(self._record()) and timeout:
                registry.changed.wait(timeout)
            record = self._record()
            self._report(record)
            if done(record):
                return True
            self._check_end(record)
            return False

    def _check_end(self, record: InstanceRecord) -> None:
        """Raise if END tells of a failure: of this run, or before any was begun."""
        reported = record.reported
        if self._runs_before and self.run is None:
            return
        if reported.end not in (None, STATUS_OK) and reported.open_run is None:
            unsupported = _UNSUPPORTED in reported.end_message
            failure = TaskUnsupported if unsupported else TaskFailed
            if reported.end_stopped:
                failure = TaskWasStopped
            raise failure(reported.end_message, self._logs())

    def _report(self, record: InstanceRecord) -> None:
        """Tell the listener of progress and heartbeats."""
        if self._alive is not None and record.alive is not None and record.alive != self._alive:
            self._alive = record.alive
            detail = record.heartbeat_error
            self._listener(HeartbeatChanged(self._kind, record.alive, detail))
        if record.managed.condition != self._condition:
            self._condition = record.managed.condition
            if self._condition and not record.managed.gone:
                self._listener(InstanceWaiting(self._kind, Condition.of(self._condition).text))
        run = self.run
        if run is None or run.share is None:
            return
        curves = self._platform.registry.curves.of(run.id)
        metrics = {name: curve.last for name, curve in curves.items()}
        progress = TaskProgress(self._kind, run.share, run.epoch, metrics, run.remaining_s)
        if progress != self._progress:
            self._progress = progress
            self._listener(progress)

    def _record(self) -> InstanceRecord:
        record = self._platform.registry.instances.get(self.instance)
        if record is None:  # somebody deleted it
            raise TaskFailed(translate("ui_no_instance", instance=self.instance))
        return record

    def _failed(self, key: str, **values: object) -> TaskFailed:
        return TaskFailed(translate(key, **values), self._logs())

    def _with_condition(self, failure: TaskFailed) -> TaskFailed:
        """Add what the instance's engine says of it."""
        condition = self._record().managed.condition
        if not condition:
            return failure
        return TaskFailed(f"{failure}; {Condition.of(condition).text}", failure.logs)

    def _logs(self) -> tuple[Path, ...]:
        managed = self._platform.manager.find(self.instance)
        return managed.process.logs if managed is not None and managed.process is not None else ()
