"""Writes metal plates with stamped digits: data/train/0007.png and 0007.json, likewise val/, test/.

The digits are real handwriting that comes with scikit-learn (UCI's "Optical Recognition of
Handwritten Digits"), so nothing is downloaded; plate and scratches are drawn. No digit is used
twice, so what a model is tested on it has never seen. The plates are the same every time. Run it
once: ``python3 prepare.py``.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from data import write_labels
from plate import draw_plate
from sklearn.datasets import load_digits

PLATES = {"train": 180, "val": 30, "test": 50}
CODES = "01234"
DIGITS = (0, 7)  # on a plate, the last one excluded
SEED = 8030


def prepare(folder: Path) -> None:
    """Write all plates below ``folder``; do nothing if they are there already."""
    done = folder / ".complete"
    if done.exists():
        print(f"{folder}: already there")
        return
    rng = np.random.default_rng(SEED)
    unused = handwriting(rng)
    for name, count in PLATES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        marked = 0
        for number in range(count):
            digits = [next(unused) for _ in range(int(rng.integers(*DIGITS)))]
            plate, marks = draw_plate(rng, digits)
            path = folder / name / f"{number:04d}.png"
            plate.save(path)
            write_labels(path, [(mark.code, mark.box) for mark in marks])
            marked += len(marks)
        print(f"{folder / name}: {count} plates with {marked} digits")
    done.touch()


def handwriting(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every digit once, in random order: its class and its 8 x 8 pixels."""
    digits = load_digits()
    for index in rng.permutation(len(digits.images)):
        if (code := str(digits.target[index])) in CODES:
            yield code, digits.images[index]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).parent
    parser.add_argument("folder", nargs="?", type=Path, default=here / "data")
    prepare(parser.parse_args().folder)
