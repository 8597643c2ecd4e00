"""Draws the sample images: circles, crosses and squares, each a little off.

Uncompressed BMP, which images.py reads with the standard library alone. The same every time.
Write them again by ``python3 prepare.py``.
"""

from __future__ import annotations

import math
import random
import struct
import sys
from collections.abc import Callable
from pathlib import Path

SIZE = 16  # pixels, both ways
COUNTS = {"train": 20, "val": 5, "test": 6}  # of each shape

Shape = Callable[[float, float, float], bool]  # of x and y around the centre, and the radius


def _circle(x: float, y: float, radius: float) -> bool:
    return abs(math.hypot(x, y) - radius) < 1


def _cross(x: float, y: float, radius: float) -> bool:
    return abs(abs(x) - abs(y)) < 1 and max(abs(x), abs(y)) <= radius


def _square(x: float, y: float, radius: float) -> bool:
    return abs(max(abs(x), abs(y)) - radius) < 1


SHAPES: dict[str, Shape] = {"circle": _circle, "cross": _cross, "square": _square}


def prepare(folder: Path) -> None:
    """Write ``train/circle/00.bmp`` and so on below a folder."""
    chance = random.Random(8030)
    for part, count in COUNTS.items():
        for name, shape in SHAPES.items():
            images = folder / part / name
            images.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                (images / f"{number:02d}.bmp").write_bytes(_bmp(_drawn(shape, chance)))


def _drawn(shape: Shape, chance: random.Random) -> list[list[int]]:
    """Return grey values, row by row: place, size and ink differ, and the paper is not clean."""
    middle = (SIZE - 1) / 2
    left, top = middle + chance.uniform(-1, 1), middle + chance.uniform(-1, 1)
    radius, ink = chance.uniform(4.5, 6), chance.uniform(150, 220)
    return [
        [
            int((ink if shape(x - left, y - top, radius) else 0) + chance.uniform(0, 35))
            for x in range(SIZE)
        ]
        for y in range(SIZE)
    ]


def _bmp(rows: list[list[int]]) -> bytes:
    """Return a BMP file of 24 bits per pixel. The width is a multiple of four: no padding."""
    pixels = b"".join(bytes([grey] * 3) for row in reversed(rows) for grey in row)
    header = struct.pack("<IiiHHIIiiII", 40, SIZE, SIZE, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    start = 14 + len(header)
    return struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start) + header + pixels


if __name__ == "__main__":
    prepare(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
