"""Decompression of a batch.

Our own batches are not compressed, but a topic may have a ``compression.type`` of its own, and
then its broker compresses what it gets. The packages for it are dependencies; an environment that
lacks one is told so, and may still deliver (see ``tail.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from kafka import codec
from kafka.errors import CorruptRecordError

NONE = 0
_CODECS: dict[int, tuple[str, str, Callable[[], bool], Callable[[bytes], bytes]]] = {
    1: ("gzip", "", codec.has_gzip, codec.gzip_decode),
    2: ("snappy", "python-snappy", codec.has_snappy, codec.snappy_decode),
    3: ("lz4", "lz4", codec.has_lz4, lambda data: codec.lz4_decode(data)),
    4: ("zstd", "zstandard", codec.has_zstd, codec.zstd_decode),
}


class CodecMissing(Exception):
    """A batch cannot be decompressed here. The text names the codec and the package."""


def decompress(number: int, data: bytes) -> bytes:
    """Return the records of a batch.

    Args:
        number: of the codec, from the batch's attributes.
        data: what follows the batch's header.

    Raises:
        CodecMissing: its package is not installed, or Kafka has got a new codec.
        CorruptRecordError: the data is not what the codec makes.
    """
    if number == NONE:
        return data
    if number not in _CODECS:
        raise CodecMissing(f"codec {number}, which this version does not know")
    name, package, is_there, decode = _CODECS[number]
    if not is_there():
        raise CodecMissing(f"{name} (the package {package} is not installed)")
    try:
        return decode(data)
    except Exception as error:  # each codec has errors of its own
        raise CorruptRecordError(f"data that {name} does not decompress: {error}") from error
