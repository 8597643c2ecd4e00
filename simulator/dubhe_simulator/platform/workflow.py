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
from dubhe_simulator.i18n.core import say
from dubhe_simulator.platform.refused import Refused
from dubhe_simulator.platform.state.records import Account

if TYPE_CHECKING:
    from dubhe_simulator.platform.platform import Platform

STORY = (TaskKind.TRAIN, TaskKind.PREDICT, TaskKind.INFERENCE)


class Failed(Exception):
    """A step did not do what it had to. The text says what happened instead."""


class Flow:
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
        if not platform.workshop.can_start:
            raise Refused(say("ui_no_algorithm"))
        _ = platform.workshop.dataset
        if len(steps) > 1:  # the whole story, as far as there is something to run it
            steps = [kind for kind in steps if kind in platform.workshop.kinds]
        if steps[0] is not TaskKind.TRAIN and platform.workshop.newest() is None:
            raise Refused(say("ui_no_model"))
        with self._lock:
            if self._view is not None and self._view["state"] == "running":
                raise Refused(say("ui_flow_running"))
            self._tell("running", steps[0])
        told = copy_context().run  # what it says is in the language of who began it
        work = threading.Thread(
            target=told, args=(self._run, steps, images, params), name="flow", daemon=True
        )
        work.start()

    def _run(
        self, steps: Sequence[TaskKind], images: int, params: Mapping[str, Any] | None
    ) -> None:
        model = self._platform.workshop.newest() if steps[0] is not TaskKind.TRAIN else None
        for kind in steps:
            self._tell("running", kind)
            try:
                model = self._step(kind, model, images, params)
            except (Failed, Refused, OSError) as error:
                self._tell("failed", kind, str(error))
                return
        self._tell("done", steps[-1])

    def _step(
        self, kind: TaskKind, model: Path | None, images: int, params: Mapping[str, Any] | None
    ) -> Path | None:
        """Do one step; return the model for the next one."""
        platform = self._platform
        before = platform.workshop.models()
        name = platform.fleet.fitting(kind, model) or platform.fleet.start(kind, model, params)
        self._wait_ready(name)
        answer = platform.send(name, platform.workshop.body(kind, name, images, params))
        if answer["reply"] is None:
            raise Failed(say("no_answer", error=answer["error"]))
        if answer["reply"].get("flag") != FLAG_OK:
            raise Failed(say("refused", message=answer["reply"].get("message")))
        if kind is TaskKind.INFERENCE:
            return model
        self._wait_end(name, platform.runs_of(name))
        platform.fleet.stop(name)
        if kind is TaskKind.TRAIN:
            model = best(platform.workshop.models() - before)
            platform.changes.touch("algorithm")
            if model is None:
                raise Failed(say("no_model", folder=platform.models_folder))
        return model

    def _wait_ready(self, name: str) -> None:
        book, timeout = self._platform.book, self._platform.options.ready_timeout
        with book.changed:
            account = book.account(name)
            book.changed.wait_for(
                lambda: account.said.ready or account.said.end is not None
                or account.known.gone or self._platform.closing,
                timeout,
            )  # fmt: skip
            self._check(account.said.end, account.said.end_message)
            self._check_alive(account, "READY")
            if not account.said.ready:
                raise Failed(say("timeout", action="READY", seconds=timeout))

    def _wait_end(self, name: str, runs: int) -> None:
        """Wait for the END of the run that the request began."""
        book = self._platform.book
        with book.changed:
            account = book.account(name)
            book.changed.wait_for(
                lambda: (account.said.end is not None and account.said.open_run is None)
                or account.known.gone or self._platform.closing
            )  # fmt: skip
            if account.said.end is None:
                # Its last words may still be on their way.
                book.changed.wait_for(lambda: account.said.end is not None, 3.0)
            self._check(account.said.end, account.said.end_message)
            if account.said.end is None:
                self._check_alive(account, "END")
                raise Failed(say("ui_closing"))

    @staticmethod
    def _check_alive(account: Account, action: str) -> None:
        if account.known.gone:
            early = say("ended_early", status=account.known.exit_status, action=action)
            raise Failed(account.known.lost or early)

    @staticmethod
    def _check(status: int | None, message: str) -> None:
        if status is not None and status != STATUS_OK:
            raise Failed(message)

    def _tell(self, state: str, step: TaskKind, error: str | None = None) -> None:
        self._view = {"state": state, "step": step.value, "error": error}
        self._platform.changes.touch("flow")
