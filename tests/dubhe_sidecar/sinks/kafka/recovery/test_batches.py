"""Batches are told apart by their headers, whatever is in them and wherever they are cut off."""

from __future__ import annotations

import struct

import pytest
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder

from dubhe_sidecar.record import HEADER_SEQ, HEADER_WRITER
from dubhe_sidecar.sinks.kafka.recovery.batches import identities, split

OURS = 7
KEYS = frozenset({b"key"})


def batch(
    base: int, numbers: list[int], *, producer: int = OURS, codec: int = 0, key: bytes = b"key"
) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=False,
        producer_id=producer,
        producer_epoch=0,
        base_sequence=0,
        batch_size=1_000_000,
    )
    for place, number in enumerate(numbers):
        headers = [(HEADER_WRITER, b"w"), (HEADER_SEQ, b"%d" % number)]
        assert builder.append(place, 1_700_000_000_000, key, b"value", headers) is not None
    return struct.pack(">q", base) + bytes(builder.build())[8:]


def legacy(offset: int, magic: int) -> bytes:
    builder = LegacyRecordBatchBuilder(magic=magic, compression_type=0, batch_size=1000)
    assert builder.append(offset, timestamp=1, key=b"key", value=b"old") is not None
    return bytes(builder.build())


def found(data: bytes, producers: frozenset[int] | None = frozenset({OURS})) -> list[int]:
    return [
        number
        for one in split(data, producers).ours
        for writer, number in identities(one, KEYS)
        if writer == "w"
    ]


@pytest.mark.parametrize("codec", range(5))
def test_ours_among_others(codec: int) -> None:
    data = batch(10, [1, 2], codec=codec) + batch(12, [9], producer=8) + batch(13, [3], codec=codec)
    assert found(data) == [1, 2, 3]
    assert split(data, frozenset({OURS})).next_offset == 14


def test_foreign_ones_are_not_opened() -> None:
    data = bytearray(batch(0, [1], producer=8, codec=4))
    data[61:] = b"\0" * len(data[61:])  # nothing that any codec could read
    assert found(bytes(data)) == []
    assert split(bytes(data), frozenset({OURS})).next_offset == 1


def test_without_known_ids_the_keys_decide() -> None:
    data = batch(0, [1], producer=8) + batch(1, [2], producer=9, key=b"another")
    assert found(data, None) == [1]


def test_a_producer_without_idempotence_has_an_id_like_any_other() -> None:
    data = batch(0, [1], producer=-1) + batch(1, [2])
    assert found(data, frozenset({-1})) == [1]


def test_cut_off_anywhere() -> None:
    first, second = batch(0, [1]), batch(1, [2])
    data = first + second
    for size in range(len(data) + 1):
        parts = split(data[:size], frozenset({OURS}))
        whole = (size >= len(first)) + (size >= len(data))
        assert parts.next_offset == (whole or None)
        assert len(parts.ours) == whole
        assert (parts.needed == 0) == (size in (0, len(first), len(data)))


def test_formats_before_0_11_are_foreign() -> None:
    data = legacy(4, 0) + legacy(5, 1) + batch(6, [1])
    assert found(data, None) == [1]
    assert split(data[: len(legacy(4, 0))], None).next_offset == 5


def test_a_batch_whose_beginning_is_not_wanted() -> None:
    [one] = split(batch(10, [1, 2, 3]), None).ours
    assert [number for _, number in identities(one, KEYS, 12)] == [3]


def test_a_compacted_batch_keeps_its_end() -> None:
    data = bytearray(batch(10, [1]))
    data[23:27] = struct.pack(">i", 5)  # lastOffsetDelta: the records behind it are gone
    assert split(bytes(data), None).next_offset == 16


@pytest.mark.parametrize("length", [0, 13, -1, 20])
def test_an_impossible_length(length: int) -> None:
    data = bytearray(batch(3, [1]))
    data[8:12] = struct.pack(">i", length)
    with pytest.raises(CorruptRecordError, match="offset 3"):
        split(bytes(data), None)


def test_a_damaged_batch_of_ours_is_an_error() -> None:
    data = bytearray(batch(3, [1]))
    data[-1] ^= 1
    with pytest.raises(CorruptRecordError, match="checksum"):
        found(bytes(data))


def test_records_that_are_not_ours_in_our_batch() -> None:
    assert found(batch(0, [1], key=b"another")) == []
