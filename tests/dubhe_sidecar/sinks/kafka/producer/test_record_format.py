"""The bytes of records, read back by kafka-python and compared with what it writes itself."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import encode_varint
from kafka.structs import TopicPartition

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.record import HEADER_BATCH, HEADER_SEQ, HEADER_WRITER, OutgoingRecord, Position
from dubhe_sidecar.sinks.kafka.producer.batch import PendingRun, RecordBatch
from dubhe_sidecar.sinks.kafka.producer.record_format import encode, varint

PLACE = TopicPartition("t", 0)
LONG = 5000  # beyond the table of short numbers


def record(
    value: bytes = b"{}", seq: int = 1, batch: bytes | None = None, key: bytes = b"k"
) -> OutgoingRecord:
    headers = () if batch is None else ((HEADER_BATCH, batch),)
    return OutgoingRecord("01a2-b", seq, "t", key, value, 0, headers, Kind.PROGRESS, Position(1, 0))


def headers_of(one: OutgoingRecord) -> list[tuple[str, bytes]]:
    own = [(HEADER_WRITER, one.stream.encode()), (HEADER_SEQ, b"%d" % one.seq)]
    return [*own, *one.headers]


RECORDS = st.builds(
    record,
    value=st.binary(max_size=200) | st.integers(4000, LONG).map(bytes),
    seq=st.integers(1, 2**63),
    batch=st.none() | st.binary(max_size=20),
    key=st.binary(min_size=1, max_size=40) | st.just(bytes(LONG)),
)


@given(st.integers(0, 2**40))
@example(4095)
@example(4096)
def test_numbers_are_written_as_kafka_python_writes_them(number: int) -> None:
    expected = bytearray()
    encode_varint(number, expected.append)
    assert varint(number) == expected


@settings(max_examples=200, deadline=None)
@given(RECORDS, st.integers(0, LONG))
def test_a_record_is_what_kafka_python_makes_of_it(one: OutgoingRecord, offset: int) -> None:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 2**30)
    begin = builder.size()
    builder.append(offset, 1234, one.key, one.value, headers_of(one))
    expected = bytes(builder._buffer[begin:])
    assert encode([one], 0, offset, len(expected)) == (expected, 1)
    assert encode([one], 0, offset, len(expected) - 1) == ((b"", 0) if offset else (expected, 1))


@settings(max_examples=100, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=20), st.sampled_from([0, 1]))
def test_a_batch_is_read_back(records: list[OutgoingRecord], compression: int) -> None:
    batch = RecordBatch(PLACE, 2**20, lambda flight, error: None, compression)
    # A run has one key; nothing else of a batch does.
    runs = [PendingRun(list(run), 1) for _, run in groupby(records, key=lambda one: one.key)]
    assert all(batch.add(run, 0) == len(run.records) for run in runs)
    batch.records.set_producer_state(7, 1, 40, False)
    batch.records.close()
    [read] = MemoryRecords(batch.records.buffer())
    assert (read.producer_id, read.producer_epoch, read.base_sequence) == (7, 1, 40)
    assert read.validate_crc()
    found = list(read)
    assert [(r.offset, r.key, r.value, r.headers) for r in found] == [
        (index, one.key, one.value, headers_of(one)) for index, one in enumerate(records)
    ]
    assert len({r.timestamp for r in found}) == 1


@pytest.mark.parametrize("undated", [False, True])
def test_a_batch_is_dated_when_it_is_closed(undated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = RecordBatch(PLACE, 2**20, lambda flight, error: None)
    flight = PendingRun([record()], 1)
    flight.undated = undated
    assert batch.add(flight, 0) == 1
    monkeypatch.setattr("time.time", lambda: 1234.5)
    batch.records.close()
    [read] = MemoryRecords(batch.records.buffer())
    assert [r.timestamp for r in read] == [-1 if undated else 1_234_500]
