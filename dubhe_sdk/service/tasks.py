"""`TaskControl`: starts the one training or evaluation, and decides how it ended."""

from __future__ import annotations

from dubhe_sdk.service.models import Models
from dubhe_sdk.service.publisher import StatePublisher
from dubhe_sdk.service.slot import Job, JobSlot
from dubhe_sdk.service.state import Phase, Verdict


class TaskControl:
    """Gives the job slot's job to the model.

    Args:
        slot: the job slot.
        models: the model processes.
        publisher: of the state.
    """

    def __init__(self, slot: JobSlot, models: Models, publisher: StatePublisher) -> None:
        self.slot = slot
        self._models = models
        self._publisher = publisher
        self._ended_well = False  # while the service was stopping

    def start(self, job: Job) -> Verdict:
        """Start a task if the slot is free and the model is ready."""
        if self.slot.job == job:
            return Verdict.DUPLICATE
        if self.slot.job is not None:
            return Verdict.BUSY
        child = self._models.first.child
        if self._publisher.phase is not Phase.READY or child is None:
            return Verdict.UNAVAILABLE
        self.slot.start(job)
        self._publisher.enter(Phase.BUSY)
        child.channel.send({"op": "run", "request": job.request})
        return Verdict.STARTED

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
            return False
        self.slot.end(None if self._ended_well else cause)
        return not self._ended_well

    def fail(self, reason: str) -> None:
        """Report END for a model that cannot serve; a task that still runs ends later."""
        if self.slot.job is None:
            self.slot.report_failed(reason)
        elif not self._models.living:
            self.slot.end(reason)
