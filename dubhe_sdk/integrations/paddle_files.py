"""Model files of PaddlePaddle: the weights, and the optimizer's state that lies beside them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.model_files import keep_model


def keep_both(ctx: Context, model: Path, epoch: int, loss: Any) -> None:
    """Keep a model, and the optimizer's state if it lies beside it.

    Args:
        ctx: of the task.
        model: a ``.pdparams`` file.
        epoch: the epoch that it is of, from 0.
        loss: a number; anything that is none counts as 0.

    Raises:
        OSError: it cannot be read, or not be written.
    """
    kept = keep_model(ctx, model, epoch, loss)
    optimizer = model.with_suffix(".pdopt")
    if optimizer.exists():
        shutil.copyfile(optimizer, optimizer_of(kept))


def optimizer_of(model: Path) -> Path:
    """Return where the optimizer's state of a model file lies. It must not look like one."""
    return model.with_name(f"optimizer_{model.stem}.pdopt")
