"""`TaskControl`: starts the one training or evaluation, and decides how it ended."""

from __future__ import annotations

from pathlib import Path

from dubhe_sdk.contract.requests import KIND_OF_REQUEST, RequestType
from dubhe_sdk.ipc.group_failures import GroupFailures
from dubhe_sdk.ipc.rank_failures import read_failures
from dubhe_sdk.service.models import Models
from dubhe_sdk.service.publisher import StatePublisher
from dubhe_sdk.service.slot import Job, JobSlot
from dubhe_sdk.service.state import Phase, StartReply


class TaskControl:
    """Gives the job slot's job to the model.

    A request that comes while the model is being constructed is held: it is acknowledged, and
    begins when the model is ready.

    Args:
        slot: the job slot.
        models: the model processes.
        publisher: of the state.
        task_file: where the running task's request lies, and beside it what its ranks raised.
        failures: of ranks beside the service; None if it has none.
    """

    def __init__(
        self,
        slot: JobSlot,
        models: Models,
        publisher: StatePublisher,
        task_file: Path,
        failures: GroupFailures | None = None,
    ) -> None:
        self.slot = slot
        self._models = models
        self._publisher = publisher
        self._task_file = task_file
        self._failures = failures
        self._ended_well = False  # while the service was stopping
        self._held: Job | None = None

    def start(self, job: Job) -> StartReply:
        """Start a task if the slot is free, or hold it until the model is ready."""
        known = self.slot.job or self._held
        if known is not None:
            return StartReply.DUPLICATE if known == job else StartReply.BUSY
        if self._publisher.phase is Phase.STARTING:
            self._held = job
            return StartReply.STARTED
        child = self._models.first.child
        if self._publisher.phase is not Phase.READY or child is None:
            return StartReply.UNAVAILABLE
        self.slot.start(job)
        self._publisher.enter(Phase.BUSY)
        child.channel.send({"op": "run", "request": job.request})
        return StartReply.STARTED

    def start_held(self) -> bool:
        """Start the task that was held, now that the model is ready. Return False if it failed."""
        job, self._held = self._held, None
        if job is None:
            return True
        wanted, kind = KIND_OF_REQUEST[RequestType(job.type)], self._publisher.kind
        if wanted is not kind and kind is not None:  # by hand: it was not known before
            self.slot.report_failed(
                f"the request was for {wanted.decorator}, but the app serves {kind.decorator}"
            )
            return False
        self.start(job)
        return True

    def end(self, error: str | None) -> bool:
        """Report the end that the model has reported. Return whether there was a task.

        Args:
            error: None if the method returned, otherwise what it raised.
        """
        if self.slot.job is None:
            return False
        self.slot.end(error)
        return True

    def end_during_shutdown(self, error: str | None, complete: bool) -> None:
        """Keep how it ended: END waits until everything that the task started is gone too.

        Args:
            error: None if the method returned, otherwise what it raised.
            complete: whether the last progress it reported was 1. A method that returns after a
                stop was asked for, without an error, may have been cut short all the same: by a
                handler of its own that saves and exits, or by a library's.
        """
        self._ended_well = error is None and complete

    def end_stopped(self, cause: str) -> bool:
        """Report END of a task whose model was stopped. Return whether it was cut short.

        Args:
            cause: what the END says if it was.
        """
        if self.slot.job is None:
            if self._held is None:
                return False
            self._held = None  # it was acknowledged, and has not begun
            self.slot.report_failed(cause)
            return True
        self.slot.end(None if self._ended_well else self._with_ranks(cause))
        return not self._ended_well

    def fail(self, reason: str) -> None:
        """Report END for a model that cannot serve; a task that still runs ends later."""
        self._held = None
        if self.slot.job is None:
            self.slot.report_failed(self._with_ranks(reason))
        elif not self._models.living:
            self.slot.end(self._with_ranks(reason))

    def _with_ranks(self, cause: str) -> str:
        """Put before the cause what ranks have raised: launchers end the others because of it."""
        of_task = read_failures(self._task_file)
        of_group = self._failures.read() if self._failures is not None else ""
        for ranks in (of_group, of_task):
            if ranks and ranks not in cause:
                cause = f"{ranks}; {cause}"
        return cause
