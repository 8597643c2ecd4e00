"""The bytes of one record in a batch of Kafka's message format 2.

kafka-python writes them byte by byte, which takes most of what it spends on a message. Here they
are joined from a few parts, most of which are the same for all records of a writer.

Source: https://kafka.apache.org/documentation/#record

``encode_varint`` is not part of kafka-python's documented interface; it is used so that there is
one encoder of integers. The upper bound of kafka-python in ``pyproject.toml`` keeps out releases in
which it may differ.
"""

from __future__ import annotations

from functools import lru_cache

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
    return sized(HEADER_WRITER.encode()) + sized(stream.encode())


@lru_cache(maxsize=256)
def _name(name: str) -> bytes:
    return sized(name.encode())


def encode(offset: int, record: OutgoingRecord) -> bytes:
    """Return a record with the timestamp of its batch.

    Args:
        offset: its place in the batch, from 0.
        record: what to encode; stream and number become its first two headers.
    """
    value = record.value
    size = len(value)
    seq = b"%d" % record.seq
    more = record.headers
    further = b""
    for name, content in more:
        further += _name(name) + varint(len(content)) + content
    rest = b"".join(
        (
            # Two zeros: no attributes, and no difference to the batch's timestamp.
            b"\0\0",
            _TABLE[offset] if offset < _TABLE_SIZE else _encode(offset),
            _key(record.key),
            _TABLE[size] if size < _TABLE_SIZE else _encode(size),
            value,
            _TABLE[2 + len(more)],
            _writer(record.stream),
            _SEQ,
            _TABLE[len(seq)],
            seq,
            further,
        )
    )
    return varint(len(rest)) + rest
