"""Hugging Face Accelerate: a tracker that reports.

    from dubhe_sdk.integrations.accelerate import DubheTracker

    tracker = DubheTracker(ctx, steps=epochs * len(loader))
    accelerator = Accelerator(log_with=tracker)
    accelerator.init_trackers("training")
    batches = itertools.chain.from_iterable(itertools.repeat(loader, epochs))
    for step, batch in enumerate(batches):  # step counts on over all epochs
        ...
        accelerator.log({"loss": loss}, step=step)
        if tracker.should_stop(step):
            accelerator.save_state(folder)
            break
    accelerator.end_training()

The loop is the algorithm's own, and so is its end: see `dubhe_sdk.track` for a loop that reports by
itself and ends at a stop.
"""

from __future__ import annotations

from typing import Any

from accelerate.state import PartialState
from accelerate.tracking import GeneralTracker

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.training import Training


class DubheTracker(GeneralTracker):  # type: ignore[misc] # Accelerate is not there to be checked
    """Reports what `Accelerator.log` gets, in the main process.

    A stop is a question as long as it tracks: ask `should_stop` after each step, save, and call
    `Accelerator.end_training`; progress then stays below 1, and the task's END is 300.

    Args:
        ctx: the task's context; None: that of the running task.
        steps: how many steps are logged in the whole training; None if that is not known. Then a
            stop remains a question in all processes but the main one, as long as the tracker lives.
        steps_per_epoch: for the epoch that is reported; None: it is 0.
    """

    name = "dubhe"
    requires_logging_directory = False

    def __init__(
        self,
        ctx: Context | None = None,
        *,
        steps: int | None = None,
        steps_per_epoch: int | None = None,
    ) -> None:
        super().__init__()
        self._training = Training(ctx)
        self._steps = steps
        self._steps_per_epoch = steps_per_epoch
        self._step = -1
        self._begun = False

    @property
    def tracker(self) -> Training:
        """What reports."""
        return self._training

    def should_stop(self, step: int) -> bool:
        """Return whether to save and end now, because a stop was asked for.

        Every process asks after each step: Accelerate starts and calls trackers in the main process
        alone, and from the first question on all of them end after the same step.

        Args:
            step: the number of the step that is done, from 0, as it is logged.
        """
        self.start()
        self._training.note(step + 1)
        ends = self._training.ends_here
        if not ends and step + 1 == self._steps and not PartialState().is_main_process:
            # `end_training` tells the tracker of the main process alone.
            self._begun = False
            self._training.release()
        return ends

    def start(self) -> None:
        """Begin, once; called by `Accelerator.init_trackers`."""
        if not self._begun:
            self._begun = True
            state = PartialState()
            self._training.begin(None, rank=state.process_index, ranks=state.num_processes)

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Do nothing: the platform has no place for hyperparameters."""

    def log(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Report metrics with the step's progress.

        Args:
            values: name → number.
            step: its number, from 0; None: one more than the last one's.
            kwargs: for other trackers.
        """
        self._step = self._step + 1 if step is None else int(step)
        epoch, place, length = 0, None, self._steps_per_epoch
        if length:
            epoch, place = self._step // length, (self._step % length, length)
        self._training.step(epoch, self._step + 1, self._steps, values, place)

    def finish(self) -> None:
        """Report the end; called by `Accelerator.end_training`."""
        self._begun = False
        self._training.end()
