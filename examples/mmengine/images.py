"""Image files as a data set of MMEngine."""

from pathlib import Path

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from PIL import Image
from torch.utils.data import Dataset

import dubhe_sdk

SIZE = 32


def list_images(paths: list[str]) -> list[Path]:
    """Return the images that ``data_paths`` names: everything below its folders."""
    return dubhe_sdk.list_files(paths, [".png"]) if paths else []


class Plates(Dataset):
    """Images, each with a data sample: its path, and the number of its class if that is known.

    Args:
        paths: of the images. The name of an image's folder is its class.
        classes: their names.
        labelled: whether the classes of the images are known.
    """

    def __init__(self, paths: list[Path], classes: list[str], labelled: bool = True):
        self.paths = paths
        self.labelled = labelled
        self.metainfo = {"classes": classes}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor | BaseDataElement]:
        path = self.paths[index]
        with Image.open(path) as image:
            grey = np.array(image.convert("L").resize((SIZE, SIZE)))
        sample = BaseDataElement(metainfo={"img_path": str(path)})
        if self.labelled:
            sample.gt_label = torch.tensor(self.metainfo["classes"].index(path.parent.name))
        return {"inputs": torch.from_numpy(grey)[None], "data_samples": sample}
