"""Draws metal plates: clean, dented or scratched, a folder for each class.

Usage: python3 prepare.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZE = 32  # pixels
CLASSES = ("clean", "dent", "scratch")
COUNTS = {"train": 60, "val": 15, "test": 15}  # of each class


def prepare(folder: Path, counts: dict[str, int] = COUNTS) -> None:
    """Draw all plates; those that are there already are drawn the same again."""
    rng = np.random.default_rng(0)
    for part, count in counts.items():
        for name in CLASSES:
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                plate(rng, name).save(folder / part / name / f"{number:04}.png")


def plate(rng: np.random.Generator, name: str) -> Image.Image:
    """Return an image of a class."""
    noise = rng.normal(150, 8, (SIZE, SIZE)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(noise)
    draw = ImageDraw.Draw(image)
    x, y = (int(value) for value in rng.integers(10, SIZE - 10, 2))
    if name == "dent":
        draw.circle((x, y), int(rng.integers(3, 7)), 60)
    elif name == "scratch":
        dx, dy = (int(value) for value in rng.integers(4, 9, 2) * rng.choice([-1, 1], 2))
        draw.line((x - dx, y - dy, x + dx, y + dy), 235, 2)
    return image


if __name__ == "__main__":
    prepare(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
