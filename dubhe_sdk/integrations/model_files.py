"""`keep_model` and `save_model`: what a framework saves, as a model file of the platform's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.api.model_file import model_path


def keep_model(
    ctx: Context, source: str | os.PathLike[str], epoch: int, loss: Any, suffix: str | None = None
) -> Path:
    """Copy a file to the output folder, under the platform's name for model files.

    Args:
        ctx: of the task.
        source: the framework's file.
        epoch: the epoch that it is of, from 0. The platform takes the last one.
        loss: a number; anything that is none counts as 0.
        suffix: the file's extension; None: that of ``source``.

    Returns:
        The copy's path.

    Raises:
        OSError: it cannot be read, or not be written.

    Examples:
        >>> keep_model(ctx, "runs/train/weights/best.pt", 7, 0.31)
        PosixPath('output/models/model_20210830140750571_7_0.31.pt')
    """
    source = Path(source)
    suffix = source.suffix if suffix is None else suffix
    return save_model(ctx, lambda path: shutil.copyfile(source, path), epoch, loss, suffix)


def save_model(
    ctx: Context, save: Callable[[str], object], epoch: int, loss: Any, suffix: str
) -> Path:
    """Have a framework write a model file into the output folder.

    The platform's name appears when the file is complete, so that nobody takes half a file for a
    model.

    Args:
        ctx: of the task.
        save: writes the model to the path it is given, which has the same extension.
        epoch: the epoch that it is of, from 0. The platform takes the last one.
        loss: a number; anything that is none counts as 0.
        suffix: the file's extension.

    Returns:
        The file's path.

    Raises:
        OSError: it cannot be written.

    Examples:
        >>> save_model(ctx, booster.save_model, 7, 0.31, ".json")
        PosixPath('output/models/model_20210830140750571_7_0.31.json')
    """
    folder = ctx.get(ContextKey.KEY_OUTPUT_DIR)
    try:
        path = Path(model_path(folder, epoch, loss, suffix))
    except ValueError:
        path = Path(model_path(folder, epoch, 0.0, suffix))
    partial = path.with_name(f".partial_{path.name}")
    try:
        save(str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
