"""Record batches as they lie in a partition: headers, and the headers of our own records.

A fetch returns batches one after another, the last one often cut off. Only the header of a batch is
read to know whose it is and where the next one begins; what a foreign producer wrote is neither
decompressed nor parsed. Message sets of the formats 0 and 1 (before Kafka 0.11) have no producer
id and no headers, so they are foreign.

Source: https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from kafka.errors import CorruptRecordError
from kafka.record.util import calc_crc32c, decode_varint

from dubhe_sidecar.record import HEADER_SEQ, HEADER_WRITER
from dubhe_sidecar.sinks.kafka.recovery.codecs import decompress

# baseOffset, length, partitionLeaderEpoch, magic, crc, attributes, lastOffsetDelta,
# baseTimestamp and maxTimestamp (skipped), producerId, producerEpoch, baseSequence, count
_HEADER = Struct(">qiibIhi16xqhii")
_WHOSE = Struct(">qi4xb4x2xi16xq")  # what is read of every batch: a prefix of the header
_PREFIX = Struct(">qiib")  # the same place in all formats: offset, length, (epoch or crc), magic
_BEFORE_LENGTH = 12  # bytes that the length does not count: offset and length
_CRC_FROM = 21
_LEAST = 14  # the shortest message of format 0, without offset and length
FORMAT = 2
_CODEC = 0x07
_CONTROL = 0x20
_WRITER, _SEQ = HEADER_WRITER.encode(), HEADER_SEQ.encode()


class Split(NamedTuple):
    """What a fetch returned, apart."""

    next_offset: int | None
    """Where to go on; None if there is no whole batch."""
    ours: list[memoryview]
    """Batches that may be ours."""
    needed: int
    """Bytes of the first batch that is cut off; 0 if none is."""


def split(data: bytes, producers: frozenset[int] | None) -> Split:
    """Find the batches of our producers.

    Args:
        data: what a fetch returned.
        producers: their ids; None: any may be ours.

    Raises:
        CorruptRecordError: a batch has an impossible length.
    """
    view, size, at = memoryview(data), len(data), 0
    following: int | None = None
    ours: list[memoryview] = []
    whose, header_size, in_full = _WHOSE.unpack_from, _HEADER.size, size - _HEADER.size
    while at + _PREFIX.size <= size:
        if at <= in_full:
            offset, length, magic, last, producer = whose(data, at)
        else:  # too near to the end for a header of format 2
            offset, length, _, magic = _PREFIX.unpack_from(data, at)
            last = producer = 0
        end = at + _BEFORE_LENGTH + length
        if length < _LEAST or (magic >= FORMAT and end - at < header_size):
            raise CorruptRecordError(f"offset {offset}: a batch of {length} bytes")
        if end > size:
            return Split(following, ours, end - at)
        if magic < FORMAT:
            following = offset + 1
        else:
            following = offset + last + 1
            if producers is None or producer in producers:
                ours.append(view[at:end])
        at = end
    return Split(following, ours, 0 if at == size else _PREFIX.size)


def identities(
    batch: memoryview, keys: frozenset[bytes], first: int = 0
) -> Iterator[tuple[str, int]]:
    """Yield writer and number of each record of ours in a batch.

    Args:
        batch: one of `Split.ours`.
        keys: keys of our own records.
        first: the first offset that is wanted; a batch is fetched whole.

    Raises:
        CorruptRecordError: the checksum does not fit, or a record ends outside.
        CodecMissing: it is compressed by a codec that is not here.
    """
    offset, _, _, _, crc, attributes, _, _, _, _, count = _HEADER.unpack_from(batch)
    if attributes & _CONTROL:
        return
    if calc_crc32c(batch[_CRC_FROM:]) != crc:
        raise CorruptRecordError(f"offset {offset}: the checksum of the batch is wrong")
    data = decompress(attributes & _CODEC, bytes(batch[_HEADER.size :]))
    at = 0
    try:
        for _ in range(count):
            length, at = decode_varint(data, at)
            found = _identity(data, at, keys, first - offset)
            if found is not None:
                yield found
            at += length
    except IndexError:
        raise CorruptRecordError(f"offset {offset}: a record ends outside of its batch") from None


def _identity(data: bytes, at: int, keys: frozenset[bytes], first: int) -> tuple[str, int] | None:
    """Return writer and number of the record whose attributes lie at ``at``, if it is ours."""
    _, at = decode_varint(data, at + 1)  # after the attributes, one byte: difference of timestamps
    place, at = decode_varint(data, at)  # of offsets
    key, at = _sized(data, at)
    if place < first or key not in keys:
        return None
    length, at = decode_varint(data, at)
    at += max(length, 0)  # the value
    count, at = decode_varint(data, at)
    headers: dict[bytes | None, bytes | None] = {}
    for _ in range(count):
        name, at = _sized(data, at)
        headers[name], at = _sized(data, at)
    writer, number = headers.get(_WRITER), headers.get(_SEQ)
    if not (writer and number and number.isdigit()):
        return None
    return writer.decode("utf-8", "replace"), int(number)


def _sized(data: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = decode_varint(data, at)
    return (None, at) if length < 0 else (data[at : at + length], at + length)
