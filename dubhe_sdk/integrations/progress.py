"""`TrainingProgress`: from the batches and epochs that a framework counts to progress."""

from __future__ import annotations

import math

# While a training runs. 1 says that it has come to its own end, and after a stop that decides
# whether its END is 200. So the last batch does not say it: checkpoints are still to be written.
_MOST_BEFORE_END = 0.999


class TrainingProgress:
    """Progress from 0 to 1, which never goes back, and is 1 only at the training's own end.

    An epoch that a framework repeats (after running out of memory, or after NaN) keeps the progress
    that was reached. Whoever resumes at epoch k of n begins at k/n. If the number of batches is not
    known, progress is that of the epochs until the first one has shown how many there are.

    Args:
        epochs: how many the whole training has, those before a resumption included. 0 or None if
            that is not known; progress then stays where it is until the end.
        first_epoch: where it begins, from 0; above 0 if it is resumed.

    Examples:
        >>> progress = TrainingProgress(epochs=2)
        >>> progress.after_batch(0, 4, 10)          # the fifth of ten
        0.25
        >>> progress.after_epoch(0)
        0.5
        >>> progress.end(stopped=False)             # stopped early by the framework itself
        1.0
    """

    def __init__(self, epochs: float | None = None, first_epoch: float = 0) -> None:
        self.value = 0.0
        """The progress so far."""
        self._epochs = epochs
        self._batches = 0  # in an epoch, as far as it was learnt
        self._seen = 0
        self._reach(first_epoch, epochs)

    def set_epochs(self, epochs: float | None) -> None:
        """Change the number of epochs: some frameworks do, to keep to a time."""
        self._epochs = epochs

    def keep(self, reached: float) -> float:
        """Do not go below a progress that was reported before; return the progress so far.

        Args:
            reached: from 0 to 1.
        """
        self.value = max(self.value, reached)
        return self.value

    def batches(self, known: float | None = None) -> int:
        """Return how many batches an epoch has, as far as that is known; otherwise 0.

        Args:
            known: what the framework says: None, infinity and anything below 1 are unknown.
        """
        if known is not None and 1 <= known < math.inf:
            return int(known)
        return self._batches

    def after_batch(self, epoch: int, index: int, batches: float | None = None) -> float:
        """Return the progress after a batch.

        Args:
            epoch: the epoch's number, from 0.
            index: the batch's in the epoch, from 0. With accumulated gradients too it counts
                batches, not the optimizer's steps.
            batches: how many the epoch has; None or infinity if that is not known.
        """
        done = index + 1
        if done > self._seen:
            self._seen = done
        length = batches if type(batches) is int and batches > 0 else self.batches(batches)
        if length:
            return self._reach(epoch + (done / length if done < length else 1.0), self._epochs)
        return self._reach(epoch, self._epochs)

    def after_epoch(self, epoch: int) -> float:
        """Return the progress after an epoch.

        Args:
            epoch: its number, from 0.
        """
        self._batches, self._seen = max(self._batches, self._seen), 0
        return self._reach(epoch + 1, self._epochs)

    def after_step(self, done: float, total: float | None) -> float:
        """Return the progress after some of the whole training's steps.

        Args:
            done: how many of them are done, those before a resumption included.
            total: how many there are; None or anything below 1 if that is not known.
        """
        return self._reach(done, total)

    def end(self, *, stopped: bool) -> float:
        """Return the progress at the end: 1, however many epochs there were.

        Args:
            stopped: whether a stop was asked for. It is then no end of the training's own, and
                progress stays below 1.
        """
        if not stopped:
            self.value = 1.0
        return self.value

    def _reach(self, done: float, total: float | None) -> float:
        if total is not None and 0 < total < math.inf:
            value = done / total
            if value > self.value:
                self.value = value if value < _MOST_BEFORE_END else _MOST_BEFORE_END
        return self.value
