"""Images as browsers can show them: TIFF and 16 bits as PNG, large ones reduced for the gallery.

Needs Pillow (``dubhe-simulator[images]``); without it files are served as they are.
"""

from __future__ import annotations

import io
import threading
from array import array
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

TIFF = frozenset({".tif", ".tiff"})
DEEP = ("I", "F")  # how modes of more than 8 bits begin
SMALL = 256 * 1024  # bytes: such a file is its own preview
KEPT = 200  # reduced images in memory
SAMPLE = 512  # px, at which brightness is looked at
DARKEST, BRIGHTEST = 0.005, 0.995  # shares of the pixels that become black and white


class Previews:
    """Makes previews, one at a time: a large image takes hundreds of MB while it is decoded."""

    def __init__(self) -> None:
        self.available = find_spec("PIL") is not None
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], tuple[bytes, str] | None] = OrderedDict()
        self._sizes: dict[tuple[object, ...], tuple[int, int] | None] = {}

    def size(self, path: Path) -> tuple[int, int] | None:
        """Return an image's width and height in stored pixels; None if they are not known."""
        if not self.available:
            return None
        key = _version(path)
        if key not in self._sizes:
            self._sizes[key] = _size(path)
        return self._sizes[key]

    def of(self, path: Path, most: int | None) -> tuple[bytes, str] | None:
        """Return an image and its media type; None: the file itself is to be shown.

        Args:
            path: of the file.
            most: pixels of its longer side; None for its own size.
        """
        if not self.available:
            return None
        key = (*_version(path), most)
        with self._lock:
            if most is None:
                return _preview(path, None)  # may be large, and the browser keeps it
            if key not in self._kept:
                self._kept[key] = _preview(path, most)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


def _version(path: Path) -> tuple[object, ...]:
    stat = path.stat()
    return str(path), stat.st_mtime_ns, stat.st_size


def _size(path: Path) -> tuple[int, int] | None:
    import PIL.Image

    try:
        with PIL.Image.open(path) as image:
            width, height = image.size
            return width, height
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        return None  # damaged: the browser says so


def _preview(path: Path, most: int | None) -> tuple[bytes, str] | None:
    import PIL.Image

    try:
        with PIL.Image.open(path) as image:
            deep = image.mode.startswith(DEEP)
            reduced = most is not None and path.stat().st_size > SMALL and max(image.size) > most
            if not (deep or reduced or path.suffix.lower() in TIFF):
                return None
            shown: PIL.Image.Image = image
            if reduced and most is not None:
                image.draft("RGB", (most, most))  # JPEG: decodes no more than is needed
            if deep:
                shown = _eight_bits(image)
            if reduced and most is not None:
                shown.thumbnail((most, most), PIL.Image.Resampling.BOX, reducing_gap=2.0)
            if shown.mode not in ("L", "RGB", "RGBA"):
                shown = shown.convert("RGBA" if "A" in shown.mode else "RGB")
            content = io.BytesIO()
            # Made anew: without EXIF data, so that no browser turns it.
            shown.info.clear()
            shown.save(content, "PNG", compress_level=1)
            return content.getvalue(), "image/png"
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        return None


def _eight_bits(image: Image) -> Image:
    """Return an image of 16 or 32 bits in 256 grey values, spread over what occurs in it."""
    import PIL.Image

    values = image.convert("F")
    sample = values.copy()
    sample.thumbnail((SAMPLE, SAMPLE), PIL.Image.Resampling.NEAREST)
    found = sorted(array("f", sample.tobytes()))
    low = found[int(DARKEST * (len(found) - 1))]
    high = found[int(BRIGHTEST * (len(found) - 1))]
    scale = 255 / (high - low) if high > low else 1.0
    return values.point(lambda value: value * scale - low * scale).convert("L")
