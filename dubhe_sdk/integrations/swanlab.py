"""SwanLab: what ``swanlab.log`` gets goes to the platform, too, without a network.

    from dubhe_sdk.integrations import swanlab as dubhe_swanlab

    with dubhe_swanlab.report(ctx, steps=10_000, steps_per_epoch=1_000):
        train()                 # calls swanlab.init, swanlab.log and swanlab.finish, as before

``SWANLAB_MODE`` is ``offline`` meanwhile, unless it is set: with ``disabled``, nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import swanlab

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.bridge import Bridge


def report(
    ctx: Context | None = None, *, steps: int | None = None, steps_per_epoch: int = 1
) -> Bridge:
    """Report what is logged from now on, until the returned object is closed or its block ends.

    Numbers alone: images, charts and texts stay with the tracker. A value named ``epoch`` is the
    epoch.

    Args:
        ctx: the task's context; None: that of the running task.
        steps: how many steps the training has. None: progress is what ``ctx`` is told.
        steps_per_epoch: how many an epoch has; 1 if each call of `swanlab.log` is an epoch.

    Examples:
        >>> with report(ctx, steps=100):
        ...     swanlab.log({"loss": 0.3})
    """
    bridge = Bridge("swanlab", ctx, steps, steps_per_epoch)
    bridge.set_default("SWANLAB_MODE", "offline")
    bridge.replace(swanlab.Run, "log", lambda method: _log(bridge, method))
    return bridge


def _log(bridge: Bridge, method: Callable[..., Any]) -> Callable[..., Any]:
    def log(self: Any, data: Any, step: int | None = None) -> Any:
        if isinstance(data, Mapping):
            bridge.report(data, step)
        return method(self, data, step)

    return log
