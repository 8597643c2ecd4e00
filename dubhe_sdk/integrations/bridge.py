"""`Bridge`: what an algorithm reports to an experiment tracker goes to the platform, too.

Problem: an algorithm that calls ``SummaryWriter.add_scalar``, ``wandb.log`` or ``swanlab.log`` in
many places shall not be rewritten, and its container has no network.

Mechanism: the tracker's method is replaced in its class by one that reports and then calls it. So
it does not matter how the algorithm, or a framework, got hold of the writer. The tracker works on
as it did; where it would talk to a server, it is told to work offline, unless the environment says
otherwise.

Safety: a report never raises. The class gets its own method back at the end, and also when the next
bridge to the same tracker begins: a task that failed leaves nothing behind.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.contract.numbers import to_number
from dubhe_sdk.integrations.training import Training

_active: dict[str, Bridge] = {}


class Bridge:
    """Reports scalars until it is closed. As a block, its end is the training's end.

    Args:
        tracker: its name; of the same one there is one bridge at a time.
        ctx: the task's context; None: that of the running task.
        steps: how many steps the training has. None: progress is what `Context` is told.
        steps_per_epoch: an epoch's steps; 1 if the algorithm counts epochs.

    Examples:
        >>> with Bridge("wandb", ctx, steps=1000) as bridge:
        ...     bridge.report({"loss": 0.3}, 999)     # progress 0.999
        ...                                           # progress 1 at the block's end
    """

    def __init__(
        self,
        tracker: str,
        ctx: Context | None = None,
        steps: int | None = None,
        steps_per_epoch: int = 1,
    ) -> None:
        self._training = Training(ctx)
        self._steps = steps
        self._steps_per_epoch = max(1, steps_per_epoch)
        self._step = -1
        self._closed = False
        self._undo: list[Callable[[], object]] = []
        if tracker in _active:
            _active[tracker].close()
        _active[tracker] = self

    def replace(self, owner: type, name: str, make: Callable[[Any], Any]) -> None:
        """Replace a class's method.

        Args:
            owner: the class.
            name: the method's.
            make: called with the method; returns what takes its place.
        """
        method = getattr(owner, name)
        inherited = name not in vars(owner)
        setattr(owner, name, make(method))
        self._undo.append(
            (lambda: delattr(owner, name)) if inherited else lambda: setattr(owner, name, method)
        )

    def set_default(self, variable: str, value: str) -> None:
        """Set an environment variable that is not set."""
        if variable not in os.environ:
            os.environ[variable] = value
            self._undo.append(lambda: os.environ.pop(variable, None))

    def report(self, values: Mapping[str, Any], step: Any = None, *, complete: bool = True) -> None:
        """Report what of some values is a number; nothing if none is, or after `close`.

        Args:
            values: name → value. Names of values within values are joined by a slash. One that is
                named ``epoch`` is the epoch.
            step: the step's number, from 0; None: the next one.
            complete: False if more of the same step follows. Counts if ``step`` is None.
        """
        if self._closed:  # by a method that somebody has kept
            return
        found = dict(_numbers(values))
        given = to_number(step)
        named = given is not None and math.isfinite(given)
        number = int(given) if given is not None and named else self._step + 1
        if complete or named:
            self._step = number
        epoch = found.pop("epoch", None)
        progress = self._training.progress
        value = progress.after_step(number + 1, self._steps)
        if not found:
            return
        ctx, steps = self._training.ctx, self._steps_per_epoch
        value = max(value, ctx.last_progress)
        if epoch is not None or steps == 1:
            ctx.logProgressByEpoch(number if epoch is None else epoch, value, found)
        else:
            ctx.logProgressByBatch(number // steps, number % steps, steps, value, found)

    def __enter__(self) -> Bridge:
        """Go on reporting."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, and report progress 1 unless the training failed or was stopped."""
        self.close()
        if error is None:
            self._training.end()

    def close(self) -> None:
        """Give the tracker its methods and its environment back."""
        self._closed = True
        while self._undo:
            self._undo.pop()()


def _numbers(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _numbers(value, f"{prefix}{name}/")
        elif (number := to_number(value)) is not None:
            found.append((f"{prefix}{name}", number))
    return found
