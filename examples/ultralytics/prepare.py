"""Draws metal plates with dents and scratches, and their labels in YOLO's format.

Usage: python3 prepare.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZE = 160  # pixels
COUNTS = {"train": 64, "val": 16, "test": 16}


def prepare(folder: Path, counts: dict[str, int] = COUNTS) -> None:
    """Draw all plates; those that are there already are drawn the same again."""
    rng = np.random.default_rng(0)
    for part, count in counts.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            image, labels = plate(rng)
            path = folder / part / f"{number:04}.png"
            image.save(path)
            path.with_suffix(".txt").write_text("".join(f"{line}\n" for line in labels))


def plate(rng: np.random.Generator) -> tuple[Image.Image, list[str]]:
    """Return an image and the lines of its label file."""
    noise = rng.normal(150, 8, (SIZE, SIZE, 1)).repeat(3, axis=2).clip(0, 255)
    image = Image.fromarray(noise.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    labels = []
    for _ in range(int(rng.integers(0, 4))):
        x, y = (int(value) for value in rng.integers(25, SIZE - 25, 2))
        if rng.random() < 0.5:
            radius = int(rng.integers(8, 16))
            draw.circle((x, y), radius, (60, 60, 60))
            labels.append(label(0, x - radius, y - radius, x + radius + 1, y + radius + 1))
        else:
            dx, dy = (int(value) for value in rng.integers(10, 24, 2) * rng.choice([-1, 1], 2))
            draw.line((x - dx, y - dy, x + dx, y + dy), (235, 235, 235), 3)
            dx, dy = abs(dx), abs(dy)
            labels.append(label(1, x - dx - 1, y - dy - 1, x + dx + 2, y + dy + 2))
    return image, labels


def label(number: int, x1: int, y1: int, x2: int, y2: int) -> str:
    """Return a line: the class, then centre, width and height as shares of the image."""
    values = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
    return " ".join([str(number), *(f"{value / SIZE:.6f}" for value in values)])


if __name__ == "__main__":
    prepare(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
