"""Width and height of an image file, from its first bytes."""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

HEAD = 64 * 1024
_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def size_of(path: Path) -> tuple[int, int] | None:
    """Return (width, height) in pixels of a PNG, JPEG or BMP; None for anything else."""
    try:
        return _size(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=20_000)
def _size(path: Path, changed: int) -> tuple[int, int] | None:
    with path.open("rb") as file:
        head = file.read(HEAD)
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", head, 16)
            return width, height
        if head.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", head, 18)
            return width, abs(height)
        if head.startswith(b"\xff\xd8"):
            return _jpeg(head)
    except struct.error:
        pass  # cut off
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while True:
        mark, kind, length = struct.unpack_from(">BBH", head, at)
        if mark != 0xFF:
            return None
        if kind in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        at += 2 + length
