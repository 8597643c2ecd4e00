"""An image's pixels as a browser can show them: of 8 bits, turned, cut out, reduced. Needs Pillow.

No step needs more memory than the decoded image itself and a few MB: what is computed with is cut
out or reduced first.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

import PIL.Image

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP = ("I", "F")  # how modes of more than 8 bits begin
SAMPLE = 512  # px, at which brightness is looked at
DARKEST, BRIGHTEST = 0.005, 0.995  # shares of the pixels that become black and white
_ORIENTATION = 0x0112
_BAND_PIXELS = 1 << 22  # of a deep image that are computed with at once

Box = tuple[int, int, int, int]
"""Left, upper, right and lower, in pixels."""
Range = tuple[float, float] | None
"""What becomes black and what white."""

_TURN = PIL.Image.Transpose
# What EXIF's orientation asks for; where the box `(a, b, c, d)` of the turned image is stored, in
# an image of width w and height h.
_TURNS: dict[int, tuple[PIL.Image.Transpose, Callable[[Box, int, int], Box]]] = {
    2: (_TURN.FLIP_LEFT_RIGHT, lambda box, w, h: (w - box[2], box[1], w - box[0], box[3])),
    3: (_TURN.ROTATE_180, lambda box, w, h: (w - box[2], h - box[3], w - box[0], h - box[1])),
    4: (_TURN.FLIP_TOP_BOTTOM, lambda box, w, h: (box[0], h - box[3], box[2], h - box[1])),
    5: (_TURN.TRANSPOSE, lambda box, w, h: (box[1], box[0], box[3], box[2])),
    6: (_TURN.ROTATE_270, lambda box, w, h: (box[1], h - box[2], box[3], h - box[0])),
    7: (_TURN.TRANSVERSE, lambda box, w, h: (w - box[3], h - box[2], w - box[1], h - box[0])),
    8: (_TURN.ROTATE_90, lambda box, w, h: (w - box[3], box[0], w - box[1], box[2])),
}


def orientation_of(image: Image) -> int:
    """Return the orientation in an image's EXIF data; 1 if it is shown as it is stored."""
    if image.format == "TIFF":
        return 1  # Pillow turns those itself, for whoever reads them
    # Not PNG's own method, which decodes the whole image to look for a late entry.
    found = PIL.Image.Image.getexif(image).get(_ORIENTATION)
    return found if found in _TURNS else 1


def size_of(image: Image, *, turned: bool) -> tuple[int, int]:
    """Return width and height, as stored or as the EXIF data want it."""
    width, height = image.size
    return (height, width) if turned and orientation_of(image) >= 5 else (width, height)


def is_deep(image: Image) -> bool:
    """Return whether it has more than 8 bits a value."""
    return image.mode.startswith(DEEP)


def brightness(image: Image) -> tuple[float, float] | None:
    """Return what becomes black and what white; None: of 8 bits, it stays as it is."""
    if not is_deep(image):
        return None
    width, height = image.size
    step = max(1.0, max(width, height) / SAMPLE)
    small = (max(1, round(width / step)), max(1, round(height / step)))
    sample = image.resize(small, PIL.Image.Resampling.NEAREST).convert("F")
    found = sorted(array("f", sample.tobytes()))
    return found[int(DARKEST * (len(found) - 1))], found[int(BRIGHTEST * (len(found) - 1))]


def part(image: Image, box: Box | None, most: int | None, *, turned: bool, range_: Range) -> Image:
    """Return pixels of an image, at most of so many on the longer side.

    Args:
        image: decoded or not.
        box: which part, in the image as it is shown; None for all of it.
        most: pixels of the longer side; None for as many as there are.
        turned: whether it is shown as the EXIF data want it, instead of as stored.
        range_: its `brightness`.
    """
    orientation = orientation_of(image) if turned else 1
    width, height = image.size
    if box is not None and orientation > 1:
        box = _TURNS[orientation][1](box, width, height)
    left, upper, right, lower = box or (0, 0, width, height)
    longer = max(right - left, lower - upper)
    factor = max(1, longer // most) if most is not None else 1
    if range_ is None:
        whole = (left, upper, right, lower)
        found = image.reduce(factor, whole) if factor > 1 and _reducible(image) else None
        found = image.crop(whole) if found is None else found
        if found.mode not in ("L", "RGB", "RGBA"):
            found = found.convert("RGBA" if "A" in found.mode else "RGB")
    else:
        found = _bands(image, (left, upper, right, lower), factor, range_)
    if most is not None and max(found.size) > most:
        found.thumbnail((most, most), PIL.Image.Resampling.BOX)
    return found.transpose(_TURNS[orientation][0]) if orientation > 1 else found


def png(image: Image) -> bytes:
    """Return an image as PNG: without EXIF data, so that no browser turns it."""
    image.info.clear()
    content = io.BytesIO()
    image.save(content, "PNG", compress_level=1)
    return content.getvalue()


def _reducible(image: Image) -> bool:
    return image.mode in ("L", "RGB", "RGBA", "CMYK", "LA", "YCbCr")


def _bands(image: Image, box: Box, factor: int, range_: tuple[float, float]) -> Image:
    """Return a part of a deep image in 256 grey values, computed in bands of rows."""
    left, upper, right, lower = box
    low, high = range_
    scale = 255 / (high - low) if high > low else 1.0
    rows = max(1, _BAND_PIXELS // max(1, right - left) // factor) * factor
    size = (-(-(right - left) // factor), -(-(lower - upper) // factor))
    found = PIL.Image.new("L", size)
    for top in range(upper, lower, rows):
        band = image.crop((left, top, right, min(lower, top + rows))).convert("F")
        if factor > 1:
            band = band.reduce(factor)
        grey = band.point(lambda value: value * scale - low * scale).convert("L")
        found.paste(grey, (0, (top - upper) // factor))
    return found
