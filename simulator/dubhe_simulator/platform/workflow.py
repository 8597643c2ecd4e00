"""Training, evaluating the model that it made, inferring: one task after another."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.contract.model_files import best
from dubhe_simulator.errors import Refused, TaskFailed
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.run_config import new_run_folder
from dubhe_simulator.platform.task_run import TaskRun, TaskUnsupported, TaskWasStopped
from dubhe_simulator.platform.workflow_events import (
    Listener,
    WorkflowEnded,
    WorkflowNote,
    WorkflowResult,
)

if TYPE_CHECKING:
    from dubhe_simulator.platform.platform import Platform

END_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class WorkflowRequest:
    """What is to be done.

    Attributes:
        kinds: the tasks, in their order.
        images: how many images an inference names.
        params: business parameters; None for the platform's own.
        stop_all: end the instance of the inference too.
        model: for an evaluation or inference without a training before it; None for the newest.
    """

    kinds: Sequence[TaskKind] = tuple(TaskKind)
    images: int = 6
    params: Mapping[str, Any] | None = None
    stop_all: bool = False
    model: Path | None = None


class Workflow:
    """Runs tasks on a thread of its own, one workflow at a time.

    Args:
        platform: on which it runs; its change feed is told when the view changes.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._view: dict[str, Any] | None = None

    @property
    def view(self) -> dict[str, Any] | None:
        """The workflow as the page knows it; None before the first."""
        return self._view

    def begin(self, request: WorkflowRequest, listener: Listener = lambda event: None) -> None:
        """Begin, and return at once.

        Args:
            request: what is to be done.
            listener: is told what happens, on the workflow's thread; `WorkflowEnded` comes last.

        Raises:
            Refused: there is nothing to start, or a workflow is under way.
        """
        available = self._platform.factory.kinds
        if not available:
            raise Refused(translate("ui_no_algorithm"))
        kinds = list(request.kinds)
        if len(kinds) > 1:  # everything, as far as there is something to run it
            kinds = [kind for kind in kinds if kind in available]
        with self._lock:
            if self._view is not None and self._view["state"] == "running":
                raise Refused(translate("ui_workflow_running"))
            self._set_view("running", kinds[0])
        in_language = copy_context().run  # of who began it
        self._thread = threading.Thread(
            target=in_language, args=(self._run, kinds, request, listener),
            name="workflow", daemon=True,
        )  # fmt: skip
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of a workflow whose instances have ended: the platform closes."""
        if self._thread is not None:
            self._thread.join(END_TIMEOUT_S)

    def _run(self, kinds: list[TaskKind], request: WorkflowRequest, listener: Listener) -> None:
        begun = time.monotonic()
        # Kept if something unforeseen ends this thread: whoever listens waits for an end.
        failure: TaskFailed | None = TaskFailed(translate("workflow_broken"))
        kind = kinds[0]
        work = _Tasks(self._platform, request, listener)
        try:
            for kind in kinds:
                self._set_view("running", kind, note=work.note)
                try:
                    work.do(kind)
                except TaskUnsupported:
                    if len(kinds) == 1:
                        raise
                    work.skip(kind)
                self._platform.change_feed.publish("algorithm")
            failure = None
        except TaskFailed as error:
            failure = error
        except (Refused, OSError) as error:
            failure = TaskFailed(str(error))
        finally:
            work.result.seconds = time.monotonic() - begun
            text = None if failure is None else str(failure)
            stopped = isinstance(failure, TaskWasStopped)
            state = "done" if failure is None else "stopped" if stopped else "failed"
            self._set_view(state, kind, text, work.note)
            listener(WorkflowEnded(kind, work.result, failure))

    def _set_view(
        self, state: str, step: TaskKind, error: str | None = None, note: str | None = None
    ) -> None:
        self._view = {"state": state, "step": step.value, "error": error, "note": note}
        self._platform.change_feed.publish("workflow")


class _Tasks:
    """The tasks of one workflow, and what one hands to the next."""

    def __init__(self, platform: Platform, request: WorkflowRequest, listener: Listener) -> None:
        self._platform = platform
        self._request = request
        self._listener = listener
        self._trained = self._no_model_noticed = False
        self.result = WorkflowResult()
        self.note: str | None = None

    def do(self, kind: TaskKind) -> None:
        """Do one task.

        Raises:
            TaskFailed: it did not do what it had to.
            Refused: it cannot be started.
        """
        factory, result, request = self._platform.factory, self.result, self._request
        before = factory.models()
        if kind is not TaskKind.TRAIN and not self._trained:
            result.model = request.model or factory.newest()
        if kind is not TaskKind.TRAIN and result.model is None and not self._no_model_noticed:
            self._no_model_noticed = True
            self._add_note(kind, translate("no_model", folder=factory.models_folder))
        result.folder = result.folder or new_run_folder(self._platform.config.runs)
        task = TaskRun(self._platform, kind, self._listener)
        try:
            task.start(result.model, request.params, result.folder)
            body = factory.request(kind, task.instance, request.images, request.params)
            if kind is TaskKind.INFER:
                result.reply = task.infer(body)
            else:
                task.execute(body)
            if (run := task.run) is not None:
                result.runs[kind] = run.id
            if kind is not TaskKind.INFER or request.stop_all:
                task.stop()
        except TaskUnsupported:
            raise
        except TaskFailed:
            # Nothing takes it over, and what it may still do must not go on beside the next task.
            with contextlib.suppress(Refused):  # it is not there any more
                self._platform.manager.stop(task.instance)
            raise
        finally:
            if task.instance:
                result.instances[kind] = task.instance
        if kind is TaskKind.TRAIN:
            self._trained = True
            result.model = best(factory.models() - before)

    def skip(self, kind: TaskKind) -> None:
        """Pass over a task that the algorithm has no method for."""
        instance = self.result.instances.pop(kind)
        self._platform.manager.stop(instance)
        self._platform.catch_up()
        self._platform.forget(instance)
        self._add_note(kind, translate("skipped", decorator=kind.decorator))

    def _add_note(self, kind: TaskKind, text: str) -> None:
        self.note = text
        self._listener(WorkflowNote(kind, text))
