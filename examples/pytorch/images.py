"""Image files as tensors."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

import dubhe_sdk

SIZE = 32


def list_images(paths: list[str]) -> list[Path]:
    """Return the images that ``data_paths`` names: files, and everything below folders."""
    return dubhe_sdk.list_files(paths, [".png"])


def label_of(path: Path) -> str:
    """Return the class of an image: the name of its folder, as in data/train/3/0042.png."""
    return path.parent.name


def read_image(path: Path) -> torch.Tensor:
    """Return an image as a tensor (1, 32, 32) of values from 0 to 1."""
    with Image.open(path) as image:
        grey = image.convert("L").resize((SIZE, SIZE))
    return torch.from_numpy(np.asarray(grey, dtype=np.float32) / 255).unsqueeze(0)


class Labelled(Dataset):
    """Images with the number of their class. Read by the data loader's worker processes."""

    def __init__(self, paths: list[Path], classes: list[str]):
        self.paths = paths
        self.number = {name: number for number, name in enumerate(classes)}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path = self.paths[index]
        return read_image(path), self.number[label_of(path)]
