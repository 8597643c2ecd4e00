"""Draws metal plates into folders named by their class: good, dent or scratch.

Usage: python3 prepare.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZE = 64  # pixels
COUNTS = {"train": 60, "val": 15, "test": 20}  # of each class


def prepare(folder: Path, counts: dict[str, int] = COUNTS) -> None:
    """Draw all plates; those that are there already are drawn the same again."""
    rng = np.random.default_rng(0)
    for part, count in counts.items():
        for code in ("dent", "good", "scratch"):
            (folder / part / code).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                plate(rng, code).save(folder / part / code / f"{number:04}.png")


def plate(rng: np.random.Generator, code: str) -> Image.Image:
    """Return a grey image with at most one defect."""
    noise = rng.normal(150, 8, (SIZE, SIZE)).clip(0, 255)
    image = Image.fromarray(noise.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    x, y = (int(value) for value in rng.integers(16, SIZE - 16, 2))
    if code == "dent":
        draw.circle((x, y), int(rng.integers(5, 10)), 70)
    elif code == "scratch":
        dx, dy = (int(value) for value in rng.integers(6, 14, 2) * rng.choice([-1, 1], 2))
        draw.line((x - dx, y - dy, x + dx, y + dy), 235, 2)
    return image


if __name__ == "__main__":
    prepare(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
