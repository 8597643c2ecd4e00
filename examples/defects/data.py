"""Images and their labels in files.

Beside ``0007.png`` lies ``0007.json``: ``{"boxes": [{"code": "3", "box": [x1, y1, x2, y2]}, …]}``,
in pixels from the upper left corner of the image; ``x2`` and ``y2`` lie just outside of the digit.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import dubhe_sdk


@dataclass(frozen=True)
class Labels:
    """What is on an image: n classes and n boxes, an array of n rows (x1, y1, x2, y2)."""

    codes: list[str]
    boxes: np.ndarray


def list_images(paths: Iterable[str]) -> list[Path]:
    """Return the images that ``data_paths`` names: files, and everything below folders."""
    return dubhe_sdk.list_files(paths, [".png"])


def read_image(path: Path) -> np.ndarray:
    """Return an image's grey values from 0 to 1, height x width."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=np.float32) / 255


def read_labels(path: Path) -> Labels:
    """Return what is on an image, from the file beside it."""
    entries = json.loads(path.with_suffix(".json").read_text("utf-8"))["boxes"]
    boxes = np.array([entry["box"] for entry in entries], dtype=np.float32).reshape(-1, 4)
    return Labels([entry["code"] for entry in entries], boxes)


def write_labels(path: Path, labels: Iterable[tuple[str, tuple[int, int, int, int]]]) -> None:
    """Write what is on an image into the file beside it."""
    boxes = [{"code": code, "box": list(box)} for code, box in labels]
    path.with_suffix(".json").write_text(json.dumps({"boxes": boxes}) + "\n", "utf-8")
