"""TensorBoard: what ``SummaryWriter.add_scalar`` writes goes to the platform, too.

    from dubhe_sdk.integrations import tensorboard

    with tensorboard.report(ctx, steps=10_000, steps_per_epoch=1_000):
        train()                 # calls add_scalar and add_scalars, as before

For the writers of PyTorch and tensorboardX, and for frameworks that write by them. The event files
are written all the same.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.bridge import Bridge

_MODULES = ("torch.utils.tensorboard", "tensorboardX")


def report(
    ctx: Context | None = None, *, steps: int | None = None, steps_per_epoch: int = 1
) -> Bridge:
    """Report scalars from now on, until the returned object is closed or its block ends.

    Args:
        ctx: the task's context; None: that of the running task.
        steps: how many of ``global_step`` the training has. None: progress is what ``ctx`` is told.
        steps_per_epoch: how many of ``global_step`` an epoch has; 1 if it counts epochs.

    Raises:
        ImportError: neither PyTorch's nor tensorboardX's writer can be imported.

    Examples:
        >>> with report(ctx, steps=100):
        ...     SummaryWriter().add_scalar("loss", 0.3, 0)
    """
    writers = [found for found in map(_writer, _MODULES) if found is not None]
    if not writers:
        raise ImportError(
            "found neither torch.utils.tensorboard (it needs the package tensorboard) nor "
            "tensorboardX: install one of them"
        )
    bridge = Bridge("tensorboard", ctx, steps, steps_per_epoch)
    for writer in writers:
        bridge.replace(writer, "add_scalar", lambda method: _add_scalar(bridge, method))
        bridge.replace(writer, "add_scalars", lambda method: _add_scalars(bridge, method))
    return bridge


def _writer(name: str) -> Any:
    package = name.partition(".")[0]
    if package == "torch" and package not in sys.modules:
        return None  # an algorithm without PyTorch shall not wait for it
    try:
        return importlib.import_module(name).SummaryWriter
    except ImportError:
        return None


def _add_scalar(bridge: Bridge, method: Callable[..., Any]) -> Callable[..., Any]:
    def add_scalar(
        self: Any, tag: str, scalar_value: Any, global_step: Any = None, *rest: Any, **named: Any
    ) -> Any:
        bridge.report({tag: scalar_value}, global_step)
        return method(self, tag, scalar_value, global_step, *rest, **named)

    return add_scalar


def _add_scalars(bridge: Bridge, method: Callable[..., Any]) -> Callable[..., Any]:
    def add_scalars(
        self: Any,
        main_tag: str,
        tag_scalar_dict: dict[str, Any],
        global_step: Any = None,
        *rest: Any,
        **named: Any,
    ) -> Any:
        bridge.report({main_tag: tag_scalar_dict}, global_step)
        return method(self, main_tag, tag_scalar_dict, global_step, *rest, **named)

    return add_scalars
