"""Model files, by their names: ``model_<yyyymmddHHMMSSmmm>_<epoch>_<loss>.<ext>``."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"model_(?P<stamp>\d+)_(?P<epoch>\d+)_[^/]*\.\w+")


def model_files(folder: Path) -> set[Path]:
    """Return the model files in a folder, which need not exist."""
    return {path for path in folder.glob("model_*") if _NAME.fullmatch(path.name)}


def best(models: set[Path]) -> Path | None:
    """Return what the platform takes for the best model: the last epoch's."""
    return max(models, key=_rank, default=None)


def _rank(path: Path) -> tuple[int, str]:
    match = _NAME.fullmatch(path.name)
    assert match is not None  # `model_files` let it in
    return int(match["epoch"]), match["stamp"]
