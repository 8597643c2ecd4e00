"""Images as browsers can show them: TIFF and 16 bits as PNG, large ones reduced or in parts.

Needs Pillow (``dubhe-simulator[images]``); without it files are served as they are.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dubhe_simulator.errors import Refused
from dubhe_simulator.i18n import translate

if TYPE_CHECKING:
    from dubhe_simulator.platform.managed.pixels import Range, Source
    from dubhe_simulator.platform.managed.tiff import Box

TIFF = frozenset({".tif", ".tiff"})
SMALL = 256 * 1024  # bytes: such a file is its own preview, unless it has more than
FEW_PIXELS = 1 << 22
MANY_PIXELS = 1 << 27  # more are never sent as one image
KEPT_BYTES = 64 << 20  # of reduced images in memory
DECODED_BYTES = 512 << 20  # of images whose parts are looked at; one may be larger
DECODED_S = 30.0  # after the last look


class Facts(NamedTuple):
    """What a file's head tells.

    Attributes:
        size: width and height as stored.
        turned: as its EXIF data want it.
        reduction: by what it is shown smaller, since all its pixels do not fit in memory: 1, 2, 4
            or 8. None if it cannot be shown.
    """

    size: tuple[int, int]
    turned: tuple[int, int]
    reduction: int | None


class _Decoded(NamedTuple):
    source: Source
    range_: Range
    reduction: int
    memory: int


class Previews:
    """Makes previews, one at a time: a large image takes hundreds of MB while it is decoded."""

    def __init__(self) -> None:
        self.available = find_spec("PIL") is not None
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], tuple[bytes, str] | None] = OrderedDict()
        self._kept_bytes = 0
        self._facts: dict[tuple[object, ...], Facts | None] = {}
        self._decoded: OrderedDict[tuple[object, ...], _Decoded] = OrderedDict()
        self._timer: threading.Timer | None = None

    def facts(self, path: Path) -> Facts | None:
        """Return what is known of an image; None if that is nothing.

        Raises:
            OSError: there is no such file.
        """
        if not self.available:
            return None
        key = _version(path)
        if key not in self._facts:
            self._facts[key] = _facts(path)
        return self._facts[key]

    def of(self, path: Path, most: int | None, *, turned: bool = False) -> tuple[bytes, str] | None:
        """Return an image and its media type; None: the file itself is to be shown.

        Args:
            path: of the file.
            most: pixels of its longer side; None for its own size.
            turned: as its EXIF data want it, instead of as it is stored.

        Raises:
            Refused: it is too large, there is not enough memory now, or it is large and damaged.
        """
        if not self.available:
            return None
        key = (*_version(path), most, turned)
        with self._lock:
            if most is None:
                return self._preview(path, None, turned)  # may be large, and the browser keeps it
            if key not in self._kept:
                self._keep(key, self._preview(path, most, turned))
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

        Raises:
            Refused: it is too large, or there is not enough memory now.
        """
        if not self.available:
            return None
        from dubhe_simulator.platform.managed import pixels
        from dubhe_simulator.platform.managed.decode import UNREADABLE

        with self._lock:
            try:
                source, range_, reduction, _ = self._decode(path)
                width, height = pixels.size_of(source, turned=turned)
                left, upper = (each // reduction for each in box[:2])
                right, lower = (-(-each // reduction) for each in box[2:])
                inside = (left, upper, min(width, right), min(height, lower))
                if inside[0] >= inside[2] or inside[1] >= inside[3]:
                    return None
                cut = pixels.part(source, inside, most, turned=turned, range_=range_)
            except UNREADABLE:
                return None
            return pixels.png(cut), "image/png"

    def _keep(self, key: tuple[object, ...], preview: tuple[bytes, str] | None) -> None:
        self._kept[key] = preview
        self._kept_bytes += len(preview[0]) if preview else 0
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._kept_bytes -= len(old[0]) if old else 0

    def _preview(self, path: Path, most: int | None, turned: bool) -> tuple[bytes, str] | None:
        from dubhe_simulator.platform.managed import decode, pixels

        count = 0
        try:
            with closing(decode.open_image(path)) as source:
                count, longer = source.size[0] * source.size[1], max(source.size)
                large = path.stat().st_size > SMALL or count > FEW_PIXELS
                longest = most if most is not None and large and longer > most else None
                other = pixels.is_deep(source) or path.suffix.lower() in TIFF
                if not (other or longest) or (most is None and count > MANY_PIXELS):
                    return None
                reduction = _needed_reduction(source)
                if longest is not None:
                    reduction = decode.reduction_for(source, longest, reduction)
                self._make_room(decode.memory_of(source, reduction))
                decode.decode(source, reduction)
                range_ = pixels.brightness(source)
                shown = pixels.part(source, None, longest, turned=turned, range_=range_)
                return pixels.png(shown), "image/png"
        except decode.UNREADABLE:
            if count > FEW_PIXELS and most is not None:  # not all of it, for a small picture
                raise Refused(translate("ui_image_damaged"), 415) from None
            return None

    def _decode(self, path: Path) -> _Decoded:
        from dubhe_simulator.platform.managed import decode, pixels

        key = _version(path)
        if key not in self._decoded:
            source = decode.open_image(path)
            reduction = _needed_reduction(source)
            memory = decode.memory_of(source, reduction)
            self._make_room(memory)
            decode.decode(source, reduction)
            self._decoded[key] = _Decoded(source, pixels.brightness(source), reduction, memory)
        self._decoded.move_to_end(key)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(DECODED_S, self._let_go)
        self._timer.daemon = True
        self._timer.start()
        return self._decoded[key]

    def _make_room(self, needed: int) -> None:
        """Let decoded images go, until there is room for another one."""
        while self._decoded and self._decoded_bytes() + needed > DECODED_BYTES:
            self._decoded.popitem(last=False)

    def _decoded_bytes(self) -> int:
        return sum(decoded.memory for decoded in self._decoded.values())

    def _let_go(self) -> None:
        with self._lock:
            self._decoded.clear()


def _needed_reduction(source: Source) -> int:
    from dubhe_simulator.platform.managed import decode

    reduction = decode.reduction_of(source)
    if reduction is None:
        raise Refused(translate("ui_image_large"), 413)
    return reduction


def _version(path: Path) -> tuple[object, ...]:
    stat = path.stat()
    return str(path), stat.st_mtime_ns, stat.st_size


def _facts(path: Path) -> Facts | None:
    from dubhe_simulator.platform.managed import decode, pixels

    try:
        with closing(decode.open_image(path)) as source:
            sizes = [pixels.size_of(source, turned=turned) for turned in (False, True)]
            return Facts(sizes[0], sizes[1], decode.reduction_of(source))
    except decode.UNREADABLE:
        return None  # damaged: the browser says so
