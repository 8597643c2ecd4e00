"""Training, evaluating the model that came out, inferring: one after another, by itself."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.contract.messages import STATUS_OK
from dubhe_sdk.contract.requests import FLAG_OK
from dubhe_simulator.contract.model_files import best
from dubhe_simulator.errors import Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.state.records import InstanceRecord

if TYPE_CHECKING:
    from dubhe_simulator.platform.platform import Platform

TASK_ORDER = (TaskKind.TRAIN, TaskKind.EVALUATE, TaskKind.INFER)


class StepFailed(Exception):
    """A step did not do what it had to. The text says what happened instead."""


class Workflow:
    """Runs steps on a thread of its own, one flow at a time.

    Args:
        platform: what does the work.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._view: dict[str, Any] | None = None

    @property
    def view(self) -> dict[str, Any] | None:
        """The flow as the page knows it; None before the first."""
        return self._view

    def begin(
        self, steps: Sequence[TaskKind], images: int, params: Mapping[str, Any] | None
    ) -> None:
        """Begin, and return at once.

        Raises:
            Refused: there is nothing to start, no data, or a flow is under way.
        """
        platform = self._platform
        if not platform.factory.can_start:
            raise Refused(translate("ui_no_algorithm"))
        _ = platform.factory.dataset
        if len(steps) > 1:  # the whole story, as far as there is something to run it
            steps = [kind for kind in steps if kind in platform.factory.kinds]
        if steps[0] is not TaskKind.TRAIN and platform.factory.newest() is None:
            raise Refused(translate("ui_no_model"))
        with self._lock:
            if self._view is not None and self._view["state"] == "running":
                raise Refused(translate("ui_workflow_running"))
            self._set_view("running", steps[0])
        told = copy_context().run  # what it says is in the language of who began it
        work = threading.Thread(
            target=told, args=(self._run, steps, images, params), name="workflow", daemon=True
        )
        work.start()

    def _run(
        self, steps: Sequence[TaskKind], images: int, params: Mapping[str, Any] | None
    ) -> None:
        model = self._platform.factory.newest() if steps[0] is not TaskKind.TRAIN else None
        for kind in steps:
            self._set_view("running", kind)
            try:
                model = self._step(kind, model, images, params)
            except (StepFailed, Refused, OSError) as error:
                self._set_view("failed", kind, str(error))
                return
        self._set_view("done", steps[-1])

    def _step(
        self, kind: TaskKind, model: Path | None, images: int, params: Mapping[str, Any] | None
    ) -> Path | None:
        """Do one step; return the model for the next one."""
        platform = self._platform
        before = platform.factory.models()
        name = platform.manager.find_idle(kind, model) or platform.manager.start(
            kind, model, params
        )
        self._wait_ready(name)
        answer = platform.send(name, platform.factory.body(kind, name, images, params))
        if answer["reply"] is None:
            raise StepFailed(translate("no_answer", error=answer["error"]))
        if answer["reply"].get("flag") != FLAG_OK:
            raise StepFailed(translate("refused", message=answer["reply"].get("message")))
        if kind is TaskKind.INFER:
            return model
        self._wait_end(name, platform.runs_of(name))
        platform.manager.stop(name)
        if kind is TaskKind.TRAIN:
            model = best(platform.factory.models() - before)
            platform.change_feed.publish("algorithm")
            if model is None:
                raise StepFailed(translate("no_model", folder=platform.models_folder))
        return model

    def _wait_ready(self, name: str) -> None:
        registry, timeout = self._platform.registry, self._platform.options.ready_timeout
        with registry.changed:
            record = registry.record(name)
            registry.changed.wait_for(
                lambda: record.reported.ready or record.reported.end is not None
                or record.managed.gone or self._platform.closing,
                timeout,
            )  # fmt: skip
            self._check(record.reported.end, record.reported.end_message)
            self._check_alive(record, "READY")
            if not record.reported.ready:
                raise StepFailed(translate("timeout", action="READY", seconds=timeout))

    def _wait_end(self, name: str, runs: int) -> None:
        """Wait for the END of the run that the request began."""
        registry = self._platform.registry
        with registry.changed:
            record = registry.record(name)
            registry.changed.wait_for(
                lambda: (record.reported.end is not None and record.reported.open_run is None)
                or record.managed.gone or self._platform.closing
            )  # fmt: skip
            if record.reported.end is None:
                # Its last words may still be on their way.
                registry.changed.wait_for(lambda: record.reported.end is not None, 3.0)
            self._check(record.reported.end, record.reported.end_message)
            if record.reported.end is None:
                self._check_alive(record, "END")
                raise StepFailed(translate("ui_closing"))

    @staticmethod
    def _check_alive(record: InstanceRecord, action: str) -> None:
        if record.managed.gone:
            early = translate("ended_early", status=record.managed.exit_status, action=action)
            raise StepFailed(record.managed.lost or early)

    @staticmethod
    def _check(status: int | None, message: str) -> None:
        if status is not None and status != STATUS_OK:
            raise StepFailed(message)

    def _set_view(self, state: str, step: TaskKind, error: str | None = None) -> None:
        self._view = {"state": state, "step": step.value, "error": error}
        self._platform.change_feed.publish("workflow")
