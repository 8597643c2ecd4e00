"""Image files that are too large to be made in memory."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path


def flat_png(path: Path, width: int, height: int) -> None:
    """Write a white image of one bit a pixel; its height is a multiple of 100."""

    def chunk(name: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(name + content)
        return struct.pack(">L", len(content)) + name + content + struct.pack(">L", crc)

    pixels, row = zlib.compressobj(1), b"\0" + b"\xff" * -(-width // 8)
    data = b"".join(pixels.compress(row * 100) for _ in range(height // 100)) + pixels.flush()
    head = struct.pack(">LLBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = (chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
