"""Image files as a data set of Transformers."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

import dubhe_sdk

SIZE = 32


def list_images(paths: list[str]) -> list[Path]:
    """Return the images that ``data_paths`` names: everything below its folders."""
    return dubhe_sdk.list_files(paths, [".png"]) if paths else []


class Plates(Dataset):
    """Images with the number of their class, which is the name of their folder.

    Args:
        paths: of the images.
        classes: their names; None if the images are not labelled.
    """

    def __init__(self, paths: list[Path], classes: list[str] | None):
        self.paths = paths
        self.classes = classes

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor | int]:
        path = self.paths[index]
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L").resize((SIZE, SIZE)), dtype=np.float32)
        pixels = torch.from_numpy(grey / 127.5 - 1)[None]
        item: dict[str, torch.Tensor | int] = {"pixel_values": pixels}
        if self.classes is not None:
            item["labels"] = self.classes.index(path.parent.name)
        return item
