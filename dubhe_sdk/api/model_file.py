"""Names of model files, as the platform wants them."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.numbers import to_number


def model_path(
    output_dir: str | os.PathLike[str], epoch: int, loss: Any, suffix: str = ".pth"
) -> str:
    """Return a path for a new model file: ``model_<yyyymmddHHMMSSmmm>_<epoch>_<loss>.<ext>``.

    The name is the platform's contract: local time to the millisecond, epoch, loss with two
    decimals. The platform takes the last epoch as the best model. The folder is created if it does
    not exist; the file is not.

    Args:
        output_dir: usually ``ctx.get(ContextKey.KEY_OUTPUT_DIR)``.
        epoch: number of the epoch that just ended, 0 or more.
        loss: a number; scalars of numpy and any framework too.
        suffix: the file's extension, with or without the dot.

    Returns:
        The path, below ``output_dir``.

    Raises:
        OSError: the folder cannot be created.
        ValueError: ``loss`` is not a number.

    Examples:
        >>> torch.save(net.state_dict(), dubhe_sdk.model_path(output_dir, epoch, loss))
        # output/models/model_20210830140750571_1_0.42.pth
    """
    number = to_number(loss)
    if number is None:
        raise ValueError(f"loss is {loss!r}, expected a number")
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now()
    stamp = f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03d}"
    return str(folder / f"model_{stamp}_{int(epoch)}_{number:.2f}.{suffix.lstrip('.')}")
