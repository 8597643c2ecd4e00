"""TIFF files in bands of rows: as they are stored, and decoded no further than they are looked at.

Problem: Pillow decodes a TIFF as a whole, and turns it as its orientation wants it. A line scan
then takes gigabytes, and nobody sees the stored pixels.

Mechanism: Pillow gets each band as a file of its own, with some of the strips or rows of tiles
as they are, and without an orientation. A file of one compressed strip is one band.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import PIL.Image

if TYPE_CHECKING:
    from PIL.Image import Image


Box = tuple[int, int, int, int]
"""Left, upper, right and lower, in pixels."""

BAND_BYTES = 16 << 20  # decoded; strips are not cut unless they are plain pixels

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _ORIENTATION = 256, 257, 258, 259, 274
_STRIPS, _SAMPLES, _ROWS, _STRIP_SIZES, _PLANAR = 273, 277, 278, 279, 284
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_SIZES = 322, 323, 324, 325
# What decides how pixels are read: photometric interpretation, order of bits, fax options,
# predictor, palette, tiles, further and signed samples, tables of JPEG, subsampling.
_COPIED = (
    _BITS, _COMPRESSION, 262, 266, _SAMPLES, _PLANAR, 292, 293, 317, 320, _TILE_WIDTH,
    _TILE_LENGTH, 338, 339, 347, 530, 531,
)  # fmt: skip
_PLAIN, _OLD_JPEG = 1, 6
_LONG = 4
_UNITS = {1: "B", 3: "H", _LONG: "L", 7: "B"}  # struct's letters for types of fields
_HEADER = 8
_PREFIXES = {"<": b"II", ">": b"MM"}
# Modes in which bands cannot be put together, and those that stand for them.
_NORMAL = {"1": "L", "P": "RGB", "PA": "RGBA", "I;16B": "I", "I;16L": "I;16"}


class TiffFile:
    """The first image of a TIFF file, as it is stored.

    Args:
        image: the file, as Pillow has opened it; it is not decoded.
        path: of the file.

    Raises:
        ValueError: it cannot be read in bands.

    Attributes:
        size: width and height as stored.
        mode: of what `crop` returns.
        orientation: what EXIF wants, 1 to 8.
    """

    def __init__(self, image: Image, path: Path) -> None:
        tags: dict[int, Any] = image.tag_v2  # type: ignore[attr-defined]
        self._path = path
        self._order = "<" if tags.prefix == b"II" else ">"  # type: ignore[attr-defined]
        self._types: dict[int, int] = tags.tagtype  # type: ignore[attr-defined]
        self._tags = {tag: tags[tag] for tag in _COPIED if tag in tags}
        self.size: tuple[int, int] = (tags[_WIDTH], tags[_LENGTH])
        self.mode = _NORMAL.get(image.mode, image.mode)
        self.orientation: int = tags.get(_ORIENTATION, 1)
        width, height = self.size
        self._tiled = _TILES in tags
        names = (_TILES, _TILE_SIZES) if self._tiled else (_STRIPS, _STRIP_SIZES)
        self._offsets, self._sizes = (_several(tags.get(name, ())) for name in names)
        self._across = ceil(width / tags[_TILE_WIDTH]) if self._tiled else 1
        self._rows = tags[_TILE_LENGTH] if self._tiled else min(tags.get(_ROWS, height), height)
        self._planes = tags.get(_SAMPLES, 1) if tags.get(_PLANAR, 1) == 2 else 1
        self._down = ceil(height / self._rows)
        pieces = self._across * self._down * self._planes
        if tags.get(_COMPRESSION, 1) == _OLD_JPEG or not (
            pieces == len(self._offsets) == len(self._sizes) and self._types_known()
        ):
            raise ValueError("its strips cannot be told apart")
        if tags.get(_COMPRESSION, 1) == _PLAIN and not self._tiled and self._planes == 1:
            self._cut_strips(width * sum(_several(tags.get(_BITS, 1))))
        each = bytes_each(image.mode)
        self._group = max(1, BAND_BYTES // (width * self._rows * each))
        self._band: tuple[int, Image] | None = None
        self.memory: int = 2 * width * min(height, self._rows * self._group) * each
        """How many bytes are needed at most: for a band, and what is made of it."""

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def crop(self, box: Box) -> Image:
        """Return a part of it.

        Args:
            box: in pixels as stored, within the image.

        Raises:
            OSError: the file is damaged, or has changed.
        """
        left, upper, right, lower = box
        rows = self._rows * self._group
        found = PIL.Image.new(self.mode, (right - left, lower - upper))
        for index in range(upper // rows, ceil(lower / rows)):
            band, top = self._read(index), index * rows
            inside = (left, max(upper - top, 0), right, min(lower - top, band.size[1]))
            found.paste(band.crop(inside), (0, max(top - upper, 0)))
        return found

    def _types_known(self) -> bool:
        return all(self._types[tag] in _UNITS for tag in self._tags)

    def _cut_strips(self, row_bits: int) -> None:
        """Cut strips of plain pixels that are longer than a band."""
        row = ceil(row_bits / 8)
        rows = max(1, BAND_BYTES // 4 // row)
        if rows >= self._rows:
            return
        height = self.size[1]
        offsets: list[int] = []
        sizes: list[int] = []
        for place, offset in enumerate(self._offsets):
            left = min(self._rows, height - place * self._rows)
            for first in range(0, left, rows):
                offsets.append(offset + first * row)
                sizes.append(min(rows, left - first) * row)
        # The pieces of each strip must be of one length, but for the last one of all.
        if len(self._offsets) > 1 and self._rows % rows:
            return
        self._offsets, self._sizes = tuple(offsets), tuple(sizes)
        self._rows, self._down = rows, len(offsets)

    def _read(self, index: int) -> Image:
        """Return a band, decoded; the one that was read last is kept."""
        if self._band is not None and self._band[0] == index:
            return self._band[1]
        first = index * self._group
        last = min(self._down, first + self._group)
        pieces = [
            (plane * self._down + row) * self._across + column
            for plane in range(self._planes)
            for row in range(first, last)
            for column in range(self._across)
        ]
        with self._path.open("rb") as file:
            contents = []
            for piece in pieces:
                file.seek(self._offsets[piece])
                contents.append(file.read(self._sizes[piece]))
        length = min(self.size[1], last * self._rows) - first * self._rows
        with PIL.Image.open(io.BytesIO(self._file(length, contents))) as image:
            image.load()
            band: Image = image if image.mode == self.mode else image.convert(self.mode)
        self._band = index, band
        return band

    def _file(self, length: int, contents: Sequence[bytes]) -> bytes:
        """Return a TIFF file of these strips or tiles."""
        names = (_TILES, _TILE_SIZES) if self._tiled else (_STRIPS, _STRIP_SIZES)
        body, offsets = bytearray(), []
        for content in contents:
            offsets.append(_HEADER + len(body))
            body += content + b"\0" * (len(content) % 2)
        longs: dict[int, Any] = {_WIDTH: self.size[0], _LENGTH: length, names[0]: offsets}
        longs[names[1]] = [len(content) for content in contents]
        if not self._tiled:
            longs[_ROWS] = self._rows
        fields: dict[int, tuple[int, Any]] = {}
        fields |= {tag: (_LONG, _several(value)) for tag, value in longs.items()}
        for tag, value in self._tags.items():
            fields[tag] = (self._types[tag], value if isinstance(value, bytes) else _several(value))
        at = _HEADER + len(body)
        head = struct.pack(f"{self._order}2sHL", _PREFIXES[self._order], 42, at)
        return head + bytes(body) + _directory(self._order, fields, at)


def bytes_each(mode: str) -> int:
    """Return how many bytes a pixel takes in memory."""
    return 1 if mode in ("1", "L", "P") else 2 if mode.startswith("I;16") else 4


def _directory(order: str, fields: Mapping[int, tuple[int, Any]], at: int) -> bytes:
    """Return a directory of TIFF fields that lies ``at`` so many bytes from the beginning."""
    entries, beside = bytearray(), bytearray()
    for tag, (type_, values) in sorted(fields.items()):
        data = (
            values
            if isinstance(values, bytes)
            else struct.pack(f"{order}{len(values)}{_UNITS[type_]}", *values)
        )
        count = len(data) // struct.calcsize(f"{order}{_UNITS[type_]}")
        entries += struct.pack(f"{order}HHL", tag, type_, count)
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            place = at + 2 + 12 * len(fields) + 4 + len(beside)
            entries += struct.pack(f"{order}L", place)
            beside += data + b"\0" * (len(data) % 2)
    return struct.pack(f"{order}H", len(fields)) + bytes(entries) + bytes(4) + bytes(beside)


def _several(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)
