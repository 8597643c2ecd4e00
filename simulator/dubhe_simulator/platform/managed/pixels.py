"""An image's pixels as a browser can show them: of 8 bits, turned, cut out, reduced. Needs Pillow.

No step needs more memory than the decoded image itself and a few MB: what is computed with is cut
out or reduced first.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Iterator

import PIL.Image
from PIL.Image import Image

from dubhe_simulator.platform.managed.tiff import Box, TiffFile

DEEP = ("I", "F")  # how modes of more than 8 bits begin
SAMPLE = 512  # px, at which brightness is looked at
DARKEST, BRIGHTEST = 0.005, 0.995  # shares of the pixels that become black and white
REDUCIBLE = ("L", "RGB", "RGBA", "CMYK", "LA", "YCbCr")
_ORIENTATION = 0x0112
_BAND_PIXELS = 1 << 22  # that are computed with at once

Source = Image | TiffFile
"""Pixels as they are stored: decoded, or read when they are looked at."""
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


def orientation_of(source: Source) -> int:
    """Return the orientation in an image's EXIF data; 1 if it is shown as it is stored."""
    if isinstance(source, TiffFile):
        found = source.orientation
    elif source.format == "TIFF":
        return 1  # one that cannot be read in bands: Pillow turns it itself
    else:
        # Not PNG's own method, which decodes the whole image to look for a late entry.
        found = Image.getexif(source).get(_ORIENTATION, 1)
    return found if found in _TURNS else 1


def size_of(source: Source, *, turned: bool) -> tuple[int, int]:
    """Return width and height, as stored or as the EXIF data want it."""
    width, height = source.size
    return (height, width) if turned and orientation_of(source) >= 5 else (width, height)


def is_deep(source: Source) -> bool:
    """Return whether it has more than 8 bits a value."""
    return source.mode.startswith(DEEP)


def brightness(source: Source) -> tuple[float, float] | None:
    """Return what becomes black and what white; None: of 8 bits, it stays as it is."""
    if not is_deep(source):
        return None
    width, height = source.size
    step = max(1.0, max(width, height) / SAMPLE)
    found = array("f")
    for band in _bands(source, (0, 0, width, height), max(1, int(step))):
        size = (max(1, round(width / step)), max(1, round(band.size[1] / step)))
        sample = band.resize(size, PIL.Image.Resampling.NEAREST).convert("F")
        found.frombytes(sample.tobytes())
    values = sorted(found)
    return values[int(DARKEST * (len(values) - 1))], values[int(BRIGHTEST * (len(values) - 1))]


def part(
    source: Source, box: Box | None, most: int | None, *, turned: bool, range_: Range
) -> Image:
    """Return pixels of an image, at most of so many on the longer side.

    Args:
        source: the image.
        box: which part, in the image as it is shown; None for all of it.
        most: pixels of the longer side; None for as many as there are.
        turned: whether it is shown as the EXIF data want it, instead of as stored.
        range_: its `brightness`.
    """
    orientation = orientation_of(source) if turned else 1
    width, height = source.size
    if box is not None and orientation > 1:
        box = _TURNS[orientation][1](box, width, height)
    left, upper, right, lower = whole = box or (0, 0, width, height)
    longer = max(right - left, lower - upper)
    factor = max(1, longer // most) if most is not None else 1
    if isinstance(source, Image) and range_ is None and source.mode in REDUCIBLE:
        found = source.reduce(factor, whole) if factor > 1 else source.crop(whole)
        found = _eight_bits(found, None)
    else:
        found = _put_together(source, whole, factor, range_)
    if most is not None and max(found.size) > most:
        found.thumbnail((most, most), PIL.Image.Resampling.BOX)
    return found.transpose(_TURNS[orientation][0]) if orientation > 1 else found


def png(image: Image) -> bytes:
    """Return an image as PNG: without EXIF data, so that no browser turns it."""
    image.info.clear()
    content = io.BytesIO()
    image.save(content, "PNG", compress_level=1)
    return content.getvalue()


def _bands(source: Source, box: Box, multiple: int) -> Iterator[Image]:
    """Yield a part in bands of rows, each of a multiple of so many, but for the last one."""
    left, upper, right, lower = box
    rows = max(1, _BAND_PIXELS // max(1, right - left) // multiple) * multiple
    for top in range(upper, lower, rows):
        yield source.crop((left, top, right, min(lower, top + rows)))


def _put_together(source: Source, box: Box, factor: int, range_: Range) -> Image:
    """Return a part of an image, computed in bands of rows."""
    left, upper, right, lower = box
    size = (-(-(right - left) // factor), -(-(lower - upper) // factor))
    found, top = None, 0
    for band in _bands(source, box, factor):
        shown = _eight_bits(band, range_, factor)
        found = found or PIL.Image.new(shown.mode, size)
        found.paste(shown, (0, top))
        top += shown.size[1]
    assert found is not None
    return found


def _eight_bits(image: Image, range_: Range, factor: int = 1) -> Image:
    """Return it in a mode that PNG and browsers have, reduced."""
    if range_ is not None:
        low, high = range_
        scale = 255 / (high - low) if high > low else 1.0
        image = image.convert("F")
        if factor > 1:
            image = image.reduce(factor)
        return image.point(lambda value: value * scale - low * scale).convert("L")
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert(
            "RGBA"
            if image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
            else "RGB"
        )
    return image.reduce(factor) if factor > 1 else image
