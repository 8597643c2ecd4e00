"""Images in, numbers out."""

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import dubhe_sdk


def list_images(paths: Iterable[str]) -> list[Path]:
    """Return the images that ``data_paths`` names: files, and everything below folders."""
    return dubhe_sdk.list_files(paths, [".png"])


def label_of(path: Path) -> str:
    """Return the class of an image: the name of its folder, as in data/train/3/0042.png."""
    return path.parent.name


def read_images(paths: Iterable[Path]) -> np.ndarray:
    """Return one row of 64 values from 0 to 1 per image."""
    rows = []
    for path in paths:
        with Image.open(path) as image:
            small = image.convert("L").resize((8, 8), Image.Resampling.BOX)
        rows.append(np.asarray(small, dtype=np.float32).ravel() / 255)
    return np.stack(rows)


def save(model: Any, path: str) -> None:
    """Write the model."""
    with Path(path).open("wb") as file:
        pickle.dump(model, file)


def load(path: str) -> Any:
    """Read a model back. As with every pickle: only load what you trust."""
    with Path(path).open("rb") as file:
        return pickle.load(file)
