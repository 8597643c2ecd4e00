"""A batch: what it takes, its outcome, and its halves."""

from __future__ import annotations

from kafka.errors import MessageSizeTooLargeError
from kafka.record.memory_records import MemoryRecords
from kafka.structs import TopicPartition

from dubhe_sidecar.sinks.kafka.producer.batch import PendingRecord, RecordBatch
from tests.dubhe_sidecar.sinks.kafka.producer.test_record_format import record

PARTITION = TopicPartition("t", 3)


class Failures(list[tuple[PendingRecord, BaseException]]):
    def __call__(self, pending: PendingRecord, error: BaseException) -> None:
        self.append((pending, error))


def pending_records(count: int) -> list[PendingRecord]:
    return [PendingRecord(record(b"v%d" % number, number), 1) for number in range(1, count + 1)]


def batch_of(some: list[PendingRecord], failures: Failures, size: int = 2**20) -> RecordBatch:
    batch = RecordBatch(PARTITION, size, failures)
    assert all(batch.add(one) for one in some)
    return batch


def test_delivered_as_a_whole() -> None:
    some, failures = pending_records(3), Failures()
    batch = batch_of(some, failures)
    assert not any(one.is_settled for one in some)
    assert some[0].next_offset is None
    batch.complete(100, -1)
    assert all(one.is_settled for one in some)
    assert [one.next_offset for one in some] == [
        (PARTITION, 101),
        (PARTITION, 102),
        (PARTITION, 103),
    ]
    assert not failures


def test_delivered_before_by_an_earlier_attempt() -> None:
    [one] = pending_records(1)
    batch_of([one], Failures()).complete(-1, -1)  # the broker knew the sequence number
    assert one.is_settled
    assert one.next_offset is None


def test_failed_as_a_whole() -> None:
    some, failures = pending_records(2), Failures()
    error = MessageSizeTooLargeError("too large")
    batch_of(some, failures).complete_exceptionally(error, lambda index: error)
    assert failures == [(some[0], error)]
    assert not any(one.is_settled for one in some)


def test_aborted() -> None:
    some, failures = pending_records(2), Failures()
    error = RuntimeError("closed")
    batch_of(some, failures).abort(error)
    assert failures == [(some[0], error)]


def test_takes_one_record_of_any_size_and_no_more_than_fit() -> None:
    first, second = pending_records(2)
    batch = batch_of([first], Failures(), size=1)
    assert not batch.add(second)
    assert second.batch is None
    assert batch.records.is_full()


def test_takes_nothing_once_it_is_closed() -> None:
    first, second = pending_records(2)
    batch = batch_of([first], Failures())
    batch.records.close()
    assert not batch.add(second)


def test_records_without_a_date_are_not_mixed_with_others() -> None:
    first, second = pending_records(2)
    second.undated = True
    assert not batch_of([first], Failures()).add(second)


def test_halves_hold_all_in_order() -> None:
    some, failures = pending_records(5), Failures()
    batch = batch_of(some, failures)
    batch.attempts = 2
    batch.records.close()
    first, second = batch.split()
    values = []
    for half in (first, second):
        assert half.attempts == 2
        assert half.created == batch.created
        half.records.close()
        [read] = MemoryRecords(half.records.buffer())
        values.append([r.value for r in read])
    assert values == [[b"v1", b"v2", b"v3"], [b"v4", b"v5"]]
    second.complete(10, -1)
    assert [one.is_settled for one in some] == [False, False, False, True, True]
    first.complete(20, -1)
    assert [one.next_offset for one in some[:3]] == [
        (PARTITION, 21),
        (PARTITION, 22),
        (PARTITION, 23),
    ]
