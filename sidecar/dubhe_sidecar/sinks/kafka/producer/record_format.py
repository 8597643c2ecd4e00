"""The bytes of records in a batch of Kafka's message format 2.

kafka-python writes them byte by byte, which takes most of what it spends on a message. Here they
are joined from a few parts, most of which are the same for all records of a writer.

Source: https://kafka.apache.org/documentation/#record

``encode_varint`` is not part of kafka-python's documented interface; it is used so that there is
one encoder of integers. The upper bound of kafka-python in ``pyproject.toml`` keeps out releases in
which it may differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

from kafka.record.util import encode_varint

from dubhe_sidecar.record import HEADER_SEQ, HEADER_WRITER, OutgoingRecord

# Lengths and offsets below this are looked up: nearly all there are.
_TABLE_SIZE = 4096


def _encode(number: int) -> bytes:
    out = bytearray()
    encode_varint(number, out.append)
    return bytes(out)


_TABLE = tuple(_encode(number) for number in range(_TABLE_SIZE))


def varint(number: int) -> bytes:
    """Return a number, at least 0, as a zigzag-encoded integer of variable length."""
    return _TABLE[number] if number < _TABLE_SIZE else _encode(number)


def sized(data: bytes) -> bytes:
    """Return bytes behind their length."""
    return varint(len(data)) + data


_key = lru_cache(maxsize=256)(sized)
_SEQ = sized(HEADER_SEQ.encode())


@lru_cache(maxsize=256)
def _writer(stream: str) -> bytes:
    return sized(HEADER_WRITER.encode()) + sized(stream.encode()) + _SEQ


@lru_cache(maxsize=256)
def _name(name: str) -> bytes:
    return sized(name.encode())


# Two zeros: no attributes, and no difference to the batch's timestamp. Then the offset.
_BEGINS = tuple(b"\0\0" + varint for varint in _TABLE)


def encode(
    records: Sequence[OutgoingRecord], first: int, offset: int, room: int
) -> tuple[bytes, int]:
    """Return records with the timestamp of their batch, as many as there is room for.

    Args:
        records: of one stream and key; stream and number become the first two headers.
        first: index of the first one to encode.
        offset: its place in the batch, from 0.
        room: bytes that they may take together. The first record of a batch may take more.

    Returns:
        The bytes, and the index of the first record that they do not hold.
    """
    key, writer = _key(records[first].key), _writer(records[first].stream)
    parts: list[bytes] = []
    join = b"".join
    stop = first
    for _, seq, _, _, value, _, headers, _, _ in islice(records, first, None):
        size, number = len(value), b"%d" % seq
        further = b""
        for name, content in headers:
            length = len(content)
            further += (
                _name(name)
                + (_TABLE[length] if length < _TABLE_SIZE else _encode(length))
                + content
            )
        rest = join(
            (
                _BEGINS[offset] if offset < _TABLE_SIZE else b"\0\0" + _encode(offset),
                key,
                _TABLE[size] if size < _TABLE_SIZE else _encode(size),
                value,
                _TABLE[2 + len(headers)],
                writer,
                _TABLE[len(number)],
                number,
                further,
            )
        )
        size = len(rest)
        begin = _TABLE[size] if size < _TABLE_SIZE else _encode(size)
        room -= len(begin) + size
        if room < 0 and offset:
            break
        parts += (begin, rest)
        offset += 1
        stop += 1
    return join(parts), stop
