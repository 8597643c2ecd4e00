"""Images in, numbers out.

Reads uncompressed BMP files, as data/ has them, by itself. For photographs: add pillow to
requirements.txt and let `read_image` be

    with Image.open(path) as image:
        return [value / 255 for value in image.convert("L").resize((16, 16)).getdata()]
"""

import struct
from collections.abc import Iterable
from pathlib import Path

import dubhe_sdk

SUFFIXES = [".bmp"]


def list_images(paths: Iterable[str]) -> list[Path]:
    """Return the images that `data_paths` names: files, and everything below folders."""
    return dubhe_sdk.list_files(paths, SUFFIXES)


def label_of(path: Path) -> str:
    """Return the class of an image: the name of its folder, as in data/train/cross/03.bmp."""
    return path.parent.name


def read_image(path: Path) -> list[float]:
    """Return an image's pixels, row by row from below, as grey values from 0 to 1."""
    raw = path.read_bytes().ljust(34, b"\0")
    # https://en.wikipedia.org/wiki/BMP_file_format
    start, _, width, height, _, bits, compression = struct.unpack_from("<IIiiHHI", raw, 10)
    if raw[:2] != b"BM" or bits != 24 or compression:
        raise ValueError(f"{path} is not an uncompressed 24-bit BMP: see the note in images.py")
    line = (width * 3 + 3) // 4 * 4  # bytes; filled up to a multiple of four
    rows = [raw[start + y * line :][: width * 3] for y in range(height)]
    return [sum(row[x : x + 3]) / 765 for row in rows for x in range(0, width * 3, 3)]
