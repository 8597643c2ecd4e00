"""Model files, by their names: ``model_<yyyymmddHHMMSSmmm>_<epoch>_<loss>.<ext>``."""

from __future__ import annotations

import math
import re
from datetime import datetime
from pathlib import Path
from typing import Any

_NAME = re.compile(r"model_(?P<stamp>\d+)_(?P<epoch>\d+)_(?P<loss>[^/]*)\.\w+")


def model_files(folder: Path) -> set[Path]:
    """Return the model files in a folder, which need not exist."""
    return {path for path in folder.glob("model_*") if _NAME.fullmatch(path.name)}


def best(models: set[Path]) -> Path | None:
    """Return what the platform takes for the best model: the last epoch's."""
    return max(models, key=_rank, default=None)


def describe(path: Path) -> dict[str, Any]:
    """Return what is known of a model file.

    Its name tells epoch, loss (None if unreadable) and time in ms; the size is in bytes.
    """
    match = _NAME.fullmatch(path.name)
    assert match is not None  # `model_files` let it in
    return {
        "path": str(path),
        "name": path.name,
        "epoch": int(match["epoch"]),
        "loss": _loss(match["loss"]),
        "time_ms": _time_ms(match["stamp"]),
        "size": _size(path),
    }


def _size(path: Path) -> int | None:
    """Return how many bytes it has; None if it is a folder, or has just gone."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _loss(text: str) -> float | None:
    try:
        loss = float(text)
    except ValueError:
        return None
    return loss if math.isfinite(loss) else None


def _time_ms(stamp: str) -> int | None:
    try:
        whole = datetime.strptime(stamp[:14], "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return int(whole.timestamp()) * 1000 + int(stamp[14:17] or 0)


def _rank(path: Path) -> tuple[int, str]:
    match = _NAME.fullmatch(path.name)
    assert match is not None  # `model_files` let it in
    return int(match["epoch"]), match["stamp"]
