"""Images as browsers can show them: TIFF and 16 bits as PNG, large ones reduced or in parts.

Needs Pillow (``dubhe-simulator[images]``); without it files are served as they are.
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from dubhe_simulator.platform.managed.pixels import Box, Range

TIFF = frozenset({".tif", ".tiff"})
SMALL = 256 * 1024  # bytes: such a file is its own preview, unless it has more than
FEW_PIXELS = 1 << 22
KEPT_BYTES = 64 << 20  # of reduced images in memory
DECODED_BYTES = 512 << 20  # of images whose parts are looked at; one may be larger
DECODED_S = 30.0  # after the last look


class Previews:
    """Makes previews, one at a time: a large image takes hundreds of MB while it is decoded."""

    def __init__(self) -> None:
        self.available = find_spec("PIL") is not None
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], tuple[bytes, str] | None] = OrderedDict()
        self._kept_bytes = 0
        self._sizes: dict[tuple[object, ...], tuple[int, int] | None] = {}
        self._decoded: OrderedDict[tuple[object, ...], tuple[Image, Range]] = OrderedDict()
        self._timer: threading.Timer | None = None
        if self.available:
            import PIL.Image

            # It warns of images of more than 89 megapixels, and refuses those of twice as many.
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)

    def size(self, path: Path, *, turned: bool = False) -> tuple[int, int] | None:
        """Return an image's width and height; None if they are not known.

        Args:
            path: of the file.
            turned: as its EXIF data want it, instead of as it is stored.
        """
        if not self.available:
            return None
        key = (*_version(path), turned)
        if key not in self._sizes:
            self._sizes[key] = _size(path, turned)
        return self._sizes[key]

    def of(self, path: Path, most: int | None, *, turned: bool = False) -> tuple[bytes, str] | None:
        """Return an image and its media type; None: the file itself is to be shown.

        Args:
            path: of the file.
            most: pixels of its longer side; None for its own size.
            turned: as its EXIF data want it, instead of as it is stored.
        """
        if not self.available:
            return None
        key = (*_version(path), most, turned)
        with self._lock:
            if most is None:
                return _preview(path, None, turned)  # may be large, and the browser keeps it
            if key not in self._kept:
                self._keep(key, _preview(path, most, turned))
            self._kept.move_to_end(key)
            return self._kept[key]

    def part(
        self, path: Path, box: Box, most: int, *, turned: bool = False
    ) -> tuple[bytes, str] | None:
        """Return a part of an image and its media type; None if it cannot be read.

        The decoded image is kept for a while: who looks at a part looks at those beside it.

        Args:
            path: of the file.
            box: which part, in pixels of the image as it is shown.
            most: pixels of the part's longer side.
            turned: whether it is shown as its EXIF data want it.
        """
        if not self.available:
            return None
        from dubhe_simulator.platform.managed import pixels

        with self._lock:
            found = self._decode(path)
            if found is None:
                return None
            image, range_ = found
            width, height = pixels.size_of(image, turned=turned)
            left, upper, right, lower = box
            inside = (max(0, left), max(0, upper), min(width, right), min(height, lower))
            if inside[0] >= inside[2] or inside[1] >= inside[3]:
                return None
            cut = pixels.part(image, inside, most, turned=turned, range_=range_)
            return pixels.png(cut), "image/png"

    def _keep(self, key: tuple[object, ...], preview: tuple[bytes, str] | None) -> None:
        self._kept[key] = preview
        self._kept_bytes += len(preview[0]) if preview else 0
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._kept_bytes -= len(old[0]) if old else 0

    def _decode(self, path: Path) -> tuple[Image, Range] | None:
        import PIL.Image

        from dubhe_simulator.platform.managed import pixels

        key = _version(path)
        if key not in self._decoded:
            while self._decoded and self._decoded_bytes() + _bytes_of(path) > DECODED_BYTES:
                self._decoded.popitem(last=False)
            try:
                image = PIL.Image.open(path)
                image.load()
            except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
                return None
            self._decoded[key] = image, pixels.brightness(image)
        self._decoded.move_to_end(key)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(DECODED_S, self._let_go)
        self._timer.daemon = True
        self._timer.start()
        return self._decoded[key]

    def _decoded_bytes(self) -> int:
        return sum(_memory(image) for image, _ in self._decoded.values())

    def _let_go(self) -> None:
        with self._lock:
            self._decoded.clear()


def _memory(image: Image) -> int:
    """Return how many bytes an image takes once it is decoded."""
    each = 1 if image.mode in ("1", "L", "P") else 2 if image.mode.startswith("I;16") else 4
    return image.size[0] * image.size[1] * each


def _bytes_of(path: Path) -> int:
    import PIL.Image

    try:
        with PIL.Image.open(path) as image:
            return _memory(image)
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        return 0


def _version(path: Path) -> tuple[object, ...]:
    stat = path.stat()
    return str(path), stat.st_mtime_ns, stat.st_size


def _size(path: Path, turned: bool) -> tuple[int, int] | None:
    import PIL.Image

    from dubhe_simulator.platform.managed import pixels

    try:
        with PIL.Image.open(path) as image:
            return pixels.size_of(image, turned=turned)
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        return None  # damaged: the browser says so


def _preview(path: Path, most: int | None, turned: bool) -> tuple[bytes, str] | None:
    import PIL.Image

    from dubhe_simulator.platform.managed import pixels

    try:
        with PIL.Image.open(path) as image:
            width, height = image.size
            large = path.stat().st_size > SMALL or width * height > FEW_PIXELS
            reduced = most is not None and large and max(image.size) > most
            if not (pixels.is_deep(image) or reduced or path.suffix.lower() in TIFF):
                return None
            if reduced and most is not None:
                image.draft("RGB", (most, most))  # JPEG: decodes no more than is needed
            range_ = pixels.brightness(image)
            longest = most if reduced else None
            shown = pixels.part(image, None, longest, turned=turned, range_=range_)
            return pixels.png(shown), "image/png"
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        return None
