"""Draws a brushed metal plate with stamped digits and scratches. Nothing here knows the platform.

Random numbers are whole numbers only, and Pillow does the rest: the same seed gives the same pixels
on every machine.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIZE = 160  # pixels, width and height of a plate
DIGIT_SIZES = (24, 46)  # pixels, of the original when pasted
MARGIN = 3  # pixels between two digits, and to the plate's edge
FINE = 4  # scratches are drawn this much larger, then reduced: smooth edges
INK = 90  # of 255: what counts as part of the digit when its box is taken


@dataclass(frozen=True)
class Mark:
    """A digit on a plate: its class and its tight box ``(x1, y1, x2, y2)`` in pixels."""

    code: str
    box: tuple[int, int, int, int]


def draw_plate(
    rng: np.random.Generator, digits: list[tuple[str, np.ndarray]]
) -> tuple[Image.Image, list[Mark]]:
    """Return a grey plate and what is on it.

    Args:
        rng: decides everything.
        digits: class and 8 x 8 pixels from 0 to 16 of each digit. One that finds no free place is
            left out.
    """
    plate = metal(rng)
    marks: list[Mark] = []
    for code, pixels in digits:
        stamp = stamped(rng, pixels)
        corner = free_place(rng, stamp, marks)
        if corner is not None:
            marks.append(Mark(code, box_at(corner, stamp)))
            press(plate, stamp, corner, tone=int(rng.integers(20, 60)))
    for _ in range(int(rng.integers(1, 5))):
        scratch = scratch_mask(rng)
        tone = int(rng.choice([35, 225]))
        plate.paste(Image.new("L", plate.size, tone), mask=scratch)
    return plate, marks


def metal(rng: np.random.Generator) -> Image.Image:
    """Return a plate with blotches and horizontal brush lines."""
    tone = int(rng.integers(110, 185))
    blotches = noise(rng, (6, 6), 22).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    lines = noise(rng, (10, SIZE), 20).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    grain = noise(rng, (SIZE, SIZE), 9)
    plate = Image.new("L", (SIZE, SIZE), tone)
    for layer in (blotches, lines, grain):
        plate = ImageChops.add(plate, layer, offset=-128)
    return plate


def noise(rng: np.random.Generator, size: tuple[int, int], spread: int) -> Image.Image:
    """Return an image of random values around 128; ``size`` is (width, height)."""
    values = rng.integers(128 - spread, 129 + spread, size=size[::-1])
    return Image.fromarray(values.astype(np.uint8))


def stamped(rng: np.random.Generator, pixels: np.ndarray) -> Image.Image:
    """Return a digit's depth from 0 to 255, at a random size and angle, cut to its ink."""
    size = int(rng.integers(DIGIT_SIZES[0], DIGIT_SIZES[1] + 1))
    depth = Image.fromarray(np.pad(pixels * 15.9375, 1).astype(np.uint8))
    depth = depth.resize((size, size), Image.Resampling.BICUBIC)
    depth = depth.rotate(int(rng.integers(-10, 11)), Image.Resampling.BICUBIC, expand=True)
    strength = int(rng.integers(150, 246))
    depth = depth.crop(depth.point(lambda value: 255 if value >= INK else 0).getbbox())
    return depth.point(lambda value: value * strength // 255)


def free_place(
    rng: np.random.Generator, stamp: Image.Image, marks: list[Mark]
) -> tuple[int, int] | None:
    """Return a corner where a digit touches no other one, or None if none was found soon."""
    for _ in range(50):
        x, y = (int(rng.integers(MARGIN, SIZE - MARGIN - side + 1)) for side in stamp.size)
        x1, y1, x2, y2 = box_at((x, y), stamp)
        near = (
            mark
            for mark in marks
            if x1 < mark.box[2] + MARGIN
            and mark.box[0] < x2 + MARGIN
            and y1 < mark.box[3] + MARGIN
            and mark.box[1] < y2 + MARGIN
        )
        if next(near, None) is None:
            return x, y
    return None


def box_at(corner: tuple[int, int], stamp: Image.Image) -> tuple[int, int, int, int]:
    """Return the box of a digit whose upper left corner is given."""
    return (*corner, corner[0] + stamp.width, corner[1] + stamp.height)


def press(plate: Image.Image, stamp: Image.Image, corner: tuple[int, int], tone: int) -> None:
    """Darken the plate where the digit is deep, with a light edge below as a stamp leaves it."""
    edge = stamp.point(lambda value: value // 3)
    plate.paste(tone + 190, (corner[0] + 1, corner[1] + 1), mask=edge)
    plate.paste(tone, corner, mask=stamp)


def scratch_mask(rng: np.random.Generator) -> Image.Image:
    """Return the depth of a bent scratch across a part of the plate."""
    points = rng.integers(0, SIZE * FINE, size=(2, 2))
    middle = points.sum(axis=0) // 2 + rng.integers(-12 * FINE, 12 * FINE + 1, size=2)
    path = [tuple(map(int, point)) for point in (points[0], middle, points[1])]
    mask = Image.new("L", (SIZE * FINE, SIZE * FINE))
    ImageDraw.Draw(mask).line(path, fill=int(rng.integers(120, 230)), width=FINE)
    mask = mask.resize((SIZE, SIZE), Image.Resampling.BOX)
    return mask.filter(ImageFilter.BoxBlur(int(rng.integers(0, 2))))
