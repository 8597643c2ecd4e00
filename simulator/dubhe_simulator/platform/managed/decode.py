"""Opens image files, and decodes them within a bound of memory. Needs Pillow.

What needs more is not decoded: TIFF is read in bands, JPEG at a half, a quarter or an eighth of its
size, and of the rest the page says why it is not shown.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import PIL.Image
from PIL.Image import Image

from dubhe_simulator.errors import Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.managed.pixels import Source
from dubhe_simulator.platform.managed.tiff import TiffFile, bytes_each

MOST_BYTES = 1 << 30  # that an image may take while it is decoded
UNREADABLE = (OSError, ValueError, SyntaxError)
"""What is raised for damaged files."""
_REDUCTIONS = (1, 2, 4, 8)  # that a JPEG can be decoded with
_COEFFICIENTS = 6  # bytes a pixel that a progressive JPEG needs beside, in its full size
_TWICE = ("WEBP", "AVIF")  # their decoders have a buffer of the whole image
CGROUP = Path("/sys/fs/cgroup")

PIL.Image.MAX_IMAGE_PIXELS = None  # bytes are what counts, and `MOST_BYTES` bounds them


def open_image(path: Path) -> Source:
    """Return an image whose pixels have not been read.

    Raises:
        OSError, ValueError, SyntaxError: the file is damaged.
    """
    image = PIL.Image.open(path)
    if image.format == "TIFF":
        with suppress(ValueError, KeyError, ZeroDivisionError):
            tiff = TiffFile(image, path)
            image.close()
            return tiff
    return image


def memory_of(source: Source, reduction: int = 1) -> int:
    """Return how many bytes it takes while it is decoded."""
    if isinstance(source, TiffFile):
        return source.memory
    pixels = source.size[0] * source.size[1]
    each = bytes_each(source.mode) * (2 if source.format in _TWICE else 1)
    beside = _COEFFICIENTS * pixels if source.info.get("progressive") else 0
    return beside + pixels * each // reduction**2


def reduction_of(source: Source) -> int | None:
    """Return by what an image is reduced so that its pixels fit in memory; None: nothing helps."""
    able = isinstance(source, Image) and source.format == "JPEG"
    for reduction in _REDUCTIONS if able else (1,):
        if memory_of(source, reduction) <= MOST_BYTES:
            return reduction
    return None


def reduction_for(source: Source, most: int, least: int) -> int:
    """Return by what an image may be reduced for so many pixels of its longer side.

    Args:
        source: the image.
        most: pixels.
        least: what `reduction_of` returned.
    """
    if isinstance(source, TiffFile) or source.format != "JPEG":
        return least
    longer = max(source.size)
    return max([least, *(each for each in _REDUCTIONS if longer // each >= most)])


def decode(source: Source, reduction: int = 1) -> None:
    """Read an image's pixels. A `TiffFile` reads them when they are looked at.

    Args:
        source: the image.
        reduction: of `reduction_of`, or a larger one.

    Raises:
        OSError, ValueError, SyntaxError: the file is damaged.
        Refused: there is not enough memory now.
    """
    needed = memory_of(source, reduction)
    if needed > _available():
        raise Refused(translate("ui_image_memory", needed=-(-needed >> 20)), 503)
    if isinstance(source, Image):
        if reduction > 1:
            width, height = source.size
            source.draft(None, (max(1, width // reduction), max(1, height // reduction)))
        source.load()


def _available() -> int:
    """Return how many bytes of memory this machine and this container can still give."""
    found = MOST_BYTES
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found = min(found, int(line.split()[1]) << 10)
    with suppress(OSError, ValueError, StopIteration):  # not in a container, or without a limit
        most = int((CGROUP / "memory.max").read_text("ascii"))
        used = int((CGROUP / "memory.current").read_text("ascii"))
        stat = (CGROUP / "memory.stat").read_text("ascii").splitlines()
        cached = next(int(line.split()[1]) for line in stat if line.startswith("inactive_file "))
        found = min(found, most - used + cached)
    return found
