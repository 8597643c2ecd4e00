"""Writes the handwritten digits as images: data/train/3/0042.png, likewise val/ and test/.

The 1 797 images come with scikit-learn (UCI's "Optical Recognition of Handwritten Digits"), so
nothing is downloaded. The split is the same every time. Run it once: ``python3 prepare.py``.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

SPLIT = {"train": 0.7, "val": 0.1, "test": 0.2}
SIZE = 32  # pixels; the originals are 8 x 8, too small to look at


def prepare(folder: Path) -> None:
    """Write all images below ``folder``; do nothing if they are there already."""
    done = folder / ".complete"
    if done.exists():
        print(f"{folder}: already there")
        return
    digits = load_digits()
    order = np.random.default_rng(seed=8030).permutation(len(digits.images))
    ends = np.cumsum([round(share * len(order)) for share in SPLIT.values()])[:-1]
    for name, indices in zip(SPLIT, np.split(order, ends), strict=True):
        for index in indices:
            path = folder / name / str(digits.target[index]) / f"{index:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(digits.images[index]).save(path)
        print(f"{folder / name}: {len(indices)} images")
    done.touch()


def picture(pixels: np.ndarray) -> Image.Image:
    """Return 8 x 8 values from 0 to 16 as a grey image that an eye can read."""
    grey = Image.fromarray((pixels * 255 / 16).astype(np.uint8))
    return grey.resize((SIZE, SIZE), Image.Resampling.BICUBIC)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).parent
    parser.add_argument("folder", nargs="?", type=Path, default=here / "data")
    prepare(parser.parse_args().folder)
