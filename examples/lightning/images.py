"""Image files as tensors."""

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


def read_image(path: Path) -> torch.Tensor:
    """Return an image as a tensor (1, 32, 32) of values from -1 to 1."""
    with Image.open(path) as image:
        grey = image.convert("L").resize((SIZE, SIZE))
    return torch.from_numpy(np.asarray(grey, dtype=np.float32) / 127.5 - 1).unsqueeze(0)


class Plates(Dataset):
    """Images with the number of their class, which is the name of their folder."""

    def __init__(self, paths: list[Path], classes: list[str]):
        self.paths = paths
        self.number = {name: number for number, name in enumerate(classes)}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path = self.paths[index]
        return read_image(path), self.number[path.parent.name]
