"""Weights & Biases: what ``wandb.log`` gets goes to the platform, too, without a network.

    from dubhe_sdk.integrations import wandb as dubhe_wandb

    with dubhe_wandb.report(ctx, steps=10_000, steps_per_epoch=1_000):
        train()                 # calls wandb.init, wandb.log and wandb.finish, as before

``WANDB_MODE`` is ``offline`` meanwhile, unless it is set: with ``disabled``, nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wandb

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.bridge import Bridge


def report(
    ctx: Context | None = None, *, steps: int | None = None, steps_per_epoch: int = 1
) -> Bridge:
    """Report what is logged from now on, until the returned object is closed or its block ends.

    Numbers alone: images, tables and texts stay with the tracker. A value named ``epoch`` is the
    epoch.

    Args:
        ctx: the task's context; None: that of the running task.
        steps: how many steps the training has. None: progress is what ``ctx`` is told.
        steps_per_epoch: how many an epoch has; 1 if each call of `wandb.log` is an epoch.

    Examples:
        >>> with report(ctx, steps=100), wandb.init() as run:
        ...     run.log({"loss": 0.3})
    """
    bridge = Bridge("wandb", ctx, steps, steps_per_epoch)
    bridge.set_default("WANDB_MODE", "offline")
    # A run with WANDB_MODE=disabled is of a class with a method of its own.
    for run in (wandb.Run, *wandb.Run.__subclasses__()):
        if "log" in vars(run):
            bridge.replace(run, "log", lambda method: _log(bridge, method))
    if wandb.run is not None:  # its method is what `wandb.log` has been since `wandb.init`
        wandb.log = wandb.run.log
    return bridge


def _log(bridge: Bridge, method: Callable[..., Any]) -> Callable[..., Any]:
    def log(
        self: Any,
        data: Any,
        step: int | None = None,
        commit: bool | None = None,
        *rest: Any,
        **named: Any,
    ) -> Any:
        if isinstance(data, dict):
            complete = step is None if commit is None else commit
            bridge.report(data, step, complete=complete)
        return method(self, data, step, commit, *rest, **named)

    return log
