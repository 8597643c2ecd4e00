"""`Training`: what an integration reports of one training. Shared by all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.current_task import current_context
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.api.stopping import is_asked
from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.integrations.graceful_stop import GracefulStop
from dubhe_sdk.integrations.metrics import curves
from dubhe_sdk.integrations.progress import TrainingProgress
from dubhe_sdk.integrations.rank_agreement import RankAgreement


class Training:
    """Reports progress and metrics, and knows of a stop. Can be pickled.

    Args:
        ctx: the task's context; None: that of the running task, when `begin` is called.

    Examples:
        >>> training = Training(ctx)
        >>> training.begin(epochs=10)
        >>> training.batch(0, 0, 100, {"loss": loss})
        >>> training.epoch(0, {"val_loss": 0.4})
        >>> training.end()
    """

    def __init__(self, ctx: Context | None = None) -> None:
        self._given = ctx
        self._stop = GracefulStop()
        self._agreement: RankAgreement | None = None  # if there are several ranks
        self.progress = TrainingProgress()
        self.reports = True
        """Whether this process reports: False in all ranks but the first."""
        self.epoch_offset = 0
        """Added to the epochs that are reported: those of a model that is trained further by a
        framework that counts from 0 again."""

    @property
    def ctx(self) -> Context:
        """The context.

        Raises:
            NoCurrentTask: none was given, and no task is running here.
        """
        if self._given is None:
            self._given = current_context()
        return self._given

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for, in whichever process of the task."""
        return self.ctx.stopping

    @property
    def ends_here(self) -> bool:
        """Whether to save and leave after what was reported last.

        A stop was asked for; and of several ranks each one ends here.
        """
        return is_asked() and (self._agreement is None or self._agreement.ends_here())

    @property
    def ends_in_validation(self) -> bool:
        """Whether to save and leave within a validation, because a stop was asked for.

        Several ranks end after it: they may have unequal parts of the data.
        """
        return self._agreement is None and self.stopping

    def continue_epochs(self) -> int:
        """Have the epochs that are reported begin where the request says; return that number.

        For a model that is trained further, by a framework that counts from 0 again.
        """
        if self.ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH):
            self.epoch_offset = self.ctx.get(ContextKey.KEY_PRETRAINED_EPOCH)
        return self.epoch_offset

    def begin(
        self, epochs: float | None, *, first_epoch: float = 0, rank: int = 0, ranks: int = 1
    ) -> None:
        """Begin; from now on a stop is a question and no exception: ask `ends_here`.

        Args:
            epochs: how many the whole training has; 0 or None if that is not known.
            first_epoch: where it begins, from 0; above 0 if it is resumed.
            rank: this process's number, by the framework's own notion. The first one, 0, reports.
            ranks: how many there are. All of them report each batch here, and end at the same one.

        Raises:
            NoCurrentTask: no context was given, and no task is running here.
        """
        self.reports = rank == 0
        self._agreement = RankAgreement() if ranks > 1 else None
        if self._agreement is not None:
            self._agreement.note(0)  # not where the task's training before this one has ended
        self.progress = TrainingProgress(epochs, first_epoch)
        if not self.ctx.stopping:  # else it is too late for a question
            self._stop.begin()

    def batch(
        self,
        epoch: int,
        index: int,
        batches: float | None = None,
        metrics: Mapping[Any, Any] | None = None,
    ) -> None:
        """Report a batch.

        Args:
            epoch: the epoch's number, from 0.
            index: the batch's in the epoch, from 0.
            batches: how many the epoch has; None or infinity if that is not known.
            metrics: as the framework logs them.
        """
        progress = self.progress
        value = progress.after_batch(epoch, index, batches)
        if self._agreement is not None:
            self._agreement.note(_after_epoch(epoch) + index + 1)
        if self.reports:
            known = batches if type(batches) is int and batches > 0 else progress.batches(batches)
            epoch += self.epoch_offset
            ctx = self._given or self.ctx
            ctx.logProgressByBatch(epoch, index, known, value, curves(metrics))

    def step(
        self,
        epoch: int,
        done: int,
        total: float | None = None,
        metrics: Mapping[Any, Any] | None = None,
        place: tuple[int, int] | None = None,
    ) -> None:
        """Report a step of a training that counts steps and not epochs.

        Args:
            epoch: the epoch's number, from 0.
            done: how many steps of the whole training are done.
            total: how many there are; None if that is not known.
            metrics: as the framework logs them.
            place: as that of `metrics`.
        """
        value = self.progress.after_step(done, total)
        self.note(done)
        if self.reports:
            self._log(epoch, place, value, curves(metrics))

    def epoch(self, epoch: int, metrics: Mapping[Any, Any] | None = None) -> None:
        """Report an epoch.

        Args:
            epoch: its number, from 0.
            metrics: as the framework logs them.
        """
        value = self.progress.after_epoch(epoch)
        self.note(_after_epoch(epoch + 1))
        if self.reports:
            self.ctx.logProgressByEpoch(epoch + self.epoch_offset, value, curves(metrics))

    def metrics(
        self, epoch: int, metrics: Mapping[Any, Any], place: tuple[int, int] | None = None
    ) -> None:
        """Report metrics alone, with the progress so far; nothing if none of them is a curve.

        Args:
            epoch: the epoch's number, from 0.
            metrics: as the framework logs them.
            place: where in the epoch they belong: a step's number, from 0, and how many the epoch
                has. None: to the whole epoch. A curve by epochs has one place for all of these.
        """
        found = curves(metrics)
        if found and self.reports:
            self._log(epoch, place, self.progress.value, found)

    def _log(
        self, epoch: int, place: tuple[int, int] | None, value: float, found: dict[str, Any]
    ) -> None:
        epoch += self.epoch_offset
        if place is None:
            self.ctx.logProgressByEpoch(epoch, value, found)
        else:
            self.ctx.logProgressByBatch(epoch, *place, value, found)

    def evaluation(self, done: float, total: float) -> None:
        """Report how far an evaluation outside of a training is; after one it is at 1 and stays.

        Args:
            done: how many of its batches are done.
            total: how many there are.
        """
        before = self.progress.keep(self.ctx.last_progress)
        value = self.progress.after_step(done, total)
        if self.reports and value > before:
            self.ctx.logProgress(value)

    def evaluated(self, epoch: int, metrics: Mapping[Any, Any]) -> None:
        """Report the metrics and the end of an evaluation outside of a training.

        Args:
            epoch: the last one of the training before, from 0; 0 if there was none.
            metrics: as the framework logs them.
        """
        before = self.progress.keep(self.ctx.last_progress)
        self.metrics(epoch, metrics)
        if before < 1:
            self.end()

    def note(self, position: int) -> None:
        """Note how far this rank is, without a report.

        Args:
            position: grows with each batch, and means the same in all ranks.
        """
        if self._agreement is not None:
            self._agreement.note(position)

    def take_again(self) -> None:
        """Take SIGTERM from the framework, whose handler has come since `begin`."""
        self._stop.take_again()

    def end(self) -> None:
        """Report the end: progress 1, unless a stop was asked for. Gives SIGTERM back."""
        self.release()
        value = self.progress.end(stopped=self.stopping)
        if self.reports and value == 1:
            self.ctx.logProgress(value)

    def release(self) -> None:
        """Let a stop be an exception again, without reporting an end: the training failed."""
        self._stop.end()

    def leave(self) -> None:
        """Leave a training that was told to stop, after its checkpoint is written.

        Raises:
            TaskStopped: always.
        """
        self.release()
        raise TaskStopped("the service was told to stop")


def _after_epoch(epochs: int) -> int:
    """Return a position in the training, of which batches count on: that after some epochs."""
    return epochs << 32
