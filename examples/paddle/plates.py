"""Images of metal plates."""

from pathlib import Path

import numpy as np
from paddle.io import Dataset
from PIL import Image

import dubhe_sdk

CLASSES = ["dent", "good", "scratch"]
SIZE = 64  # pixels


def list_images(paths: list[str]) -> list[Path]:
    """Return the images that ``data_paths`` names: files, and everything below folders."""
    return dubhe_sdk.list_files(paths, [".png"])


def label_of(path: Path) -> str:
    """Return the class of an image: the name of its folder, as in data/train/dent/0042.png."""
    return path.parent.name


def read_image(path: Path) -> np.ndarray:
    """Return an image as an array (1, 64, 64) of values around 0."""
    with Image.open(path) as image:
        grey = image.convert("L").resize((SIZE, SIZE))
    return (np.asarray(grey, np.float32)[None] - 150) / 50


class Plates(Dataset):
    """Images with the number of their class."""

    def __init__(self, paths: list[Path]):
        super().__init__()
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        path = self.paths[index]
        return read_image(path), np.array([CLASSES.index(label_of(path))], np.int64)
