"""`track`: a training loop of one's own reports by itself.

for epoch in range(epochs):
    for batch in (batches := dubhe_sdk.track(loader, ctx, epoch=epoch, epochs=epochs)):
        loss = step(batch)
        batches.log(loss=loss)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.ranks import torch_rank
from dubhe_sdk.integrations.training import Training

Batch = TypeVar("Batch", covariant=True)


class Tracked(Generic[Batch]):
    """One epoch's batches; made by `track`."""

    def __init__(
        self, loader: Iterable[Batch], ctx: Context | None, epoch: int, epochs: int | None
    ) -> None:
        self._loader = loader
        self._training = Training(ctx)
        self._epoch = epoch
        self._epochs = epochs
        self._metrics: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._loader)  # type: ignore[arg-type] # TypeError if it has no length

    def log(self, metrics: dict[str, Any] | None = None, **more: Any) -> None:
        """Have metrics reported with the current batch.

        Args:
            metrics: name → number, as for `Context.logProgressByBatch`.
            more: the same as keywords.
        """
        self._metrics.update(metrics or {}, **more)

    def __iter__(self) -> Iterator[Batch]:
        training, epoch = self._training, self._epoch
        rank, ranks = _rank()
        training.begin(self._epochs, first_epoch=epoch, rank=rank, ranks=ranks)
        try:
            for index, batch in enumerate(self._loader):
                self._metrics = {}
                yield batch
                training.batch(epoch, index, self._length(), self._metrics)
                if training.ends_here:
                    training.leave()
            if self._epochs is not None and epoch + 1 >= self._epochs:
                training.end()
            else:
                training.epoch(epoch)
        finally:
            training.release()

    def _length(self) -> int | None:
        try:
            return len(self)
        except TypeError:  # an iterable data set
            return None


def track(
    loader: Iterable[Batch], ctx: Context | None = None, *, epoch: int = 0, epochs: int | None = 1
) -> Tracked[Batch]:
    """Go through an epoch's batches, and report each with its progress.

    A stop comes between two batches: `dubhe_sdk.TaskStopped` is raised out of the loop, in which
    no batch is half done. After the last batch of the last epoch progress is 1. The first of
    several ranks reports, and all of them end at the same batch.

    Args:
        loader: a data loader of PyTorch or another framework, or anything else that yields
            batches. If it has no length, progress is that of the epochs.
        ctx: the task's context; None: that of the running task.
        epoch: the epoch's number, from 0.
        epochs: how many epochs there are; None if that is not known: then progress stays below 1,
            until ``ctx.logProgress(1.0)``.

    Returns:
        The batches. `Tracked.log` adds metrics to the current one's report.

    Raises:
        NoCurrentTask: no context was given, and no task is running here; when the loop begins.
        TaskStopped: the service was told to stop; between two batches.

    Examples:
        >>> for batch in (batches := dubhe_sdk.track(loader, ctx, epoch=epoch, epochs=10)):
        ...     batches.log(loss=step(batch))
    """
    return Tracked(loader, ctx, epoch, epochs)


def _rank() -> tuple[int, int]:
    """Return this process's rank and how many there are: PyTorch's notion, or the launcher's.

    Ranks without a group do not wait for each other: as far as its end is concerned, each is alone.
    """
    return torch_rank() or (int(os.environ.get("RANK") or 0), 1)
