"""A batch: what it takes, its outcome, and its halves."""

from __future__ import annotations

import itertools

import pytest
from kafka.errors import MessageSizeTooLargeError
from kafka.record.memory_records import MemoryRecords
from kafka.structs import TopicPartition

from dubhe_sidecar.sinks.kafka.producer.batch import PendingRun, RecordBatch
from tests.dubhe_sidecar.sinks.kafka.producer.test_record_format import record

PARTITION = TopicPartition("t", 3)


class Failures(list[tuple[PendingRun, BaseException]]):
    def __call__(self, pending: PendingRun, error: BaseException) -> None:
        self.append((pending, error))


def runs(*lengths: int) -> list[PendingRun]:
    """Return runs of records that are numbered from 1 on."""
    found, seq = [], 1
    for length in lengths:
        records = [record(b"v%d" % number, number) for number in range(seq, seq + length)]
        found.append(PendingRun(records, 100 * length))
        seq += length
    return found


def batch_of(some: list[PendingRun], failures: Failures, size: int = 2**20) -> RecordBatch:
    batch = RecordBatch(PARTITION, size, failures)
    assert all(batch.add(one, 0) == len(one.records) for one in some)
    return batch


def values_of(batch: RecordBatch) -> list[bytes | None]:
    batch.records.close()
    [read] = MemoryRecords(batch.records.buffer())
    return [one.value for one in read]


def test_delivered_as_a_whole() -> None:
    some, failures = runs(1, 3, 2), Failures()
    batch = batch_of(some, failures)
    assert not any(one.is_settled for one in some)
    assert some[0].next_offset is None
    batch.complete(100, -1)
    assert all(one.is_settled for one in some)
    assert [one.next_offset for one in some] == [
        (PARTITION, 101),
        (PARTITION, 104),
        (PARTITION, 106),
    ]
    assert not failures


def test_delivered_before_by_an_earlier_attempt() -> None:
    [one] = runs(2)
    batch_of([one], Failures()).complete(-1, -1)  # the broker knew the sequence number
    assert one.is_settled
    assert one.next_offset is None


def test_failed_as_a_whole() -> None:
    some, failures = runs(2, 2), Failures()
    error = MessageSizeTooLargeError("too large")
    batch_of(some, failures).complete_exceptionally(error, lambda index: error)
    assert failures == [(some[0], error)]
    assert not any(one.is_settled for one in some)


def test_aborted() -> None:
    some, failures = runs(1, 1), Failures()
    error = RuntimeError("closed")
    batch_of(some, failures).abort(error)
    assert failures == [(some[0], error)]


def test_takes_one_record_of_any_size_and_no_more_than_fit() -> None:
    first, second = runs(3, 1)
    batch = RecordBatch(PARTITION, 1, Failures())
    assert batch.add(first, 0) == 1
    assert batch.add(first, 1) == 1
    assert batch.add(second, 0) == 0
    assert second.placements == ()
    assert batch.records.is_full()
    assert values_of(batch) == [b"v1"]


def test_a_run_is_settled_when_all_of_its_batches_are() -> None:
    [run] = runs(5)
    batches, first = [], 0
    while first < 5:
        batches.append(RecordBatch(PARTITION, 150, Failures()))
        first = batches[-1].add(run, first)
    assert len(batches) > 1
    assert [value for batch in batches for value in values_of(batch)] == [
        b"v%d" % number for number in range(1, 6)
    ]
    for batch in batches:
        assert not run.is_settled
        batch.complete(10, -1)
    assert run.is_settled
    last = run.placements[-1]
    assert run.next_offset == (PARTITION, 10 + last.stop - last.first)


def test_half_of_a_run_is_not_delivered() -> None:
    [run] = runs(3)
    batch = RecordBatch(PARTITION, 1, Failures())
    batch.add(run, 0)
    batch.complete(10, -1)
    assert not run.is_settled  # the others have no batch yet


def test_takes_nothing_once_it_is_closed() -> None:
    first, second = runs(1, 1)
    batch = batch_of([first], Failures())
    batch.records.close()
    assert batch.add(second, 0) == 0


def test_records_without_a_date_are_not_mixed_with_others() -> None:
    first, second = runs(1, 1)
    second.undated = True
    assert batch_of([first], Failures()).add(second, 0) == 0


@pytest.mark.parametrize("lengths", [(1, 1, 1, 1, 1), (5,), (2, 3), (1, 4), (3, 2)])
def test_halves_hold_all_in_order(lengths: tuple[int, ...]) -> None:
    some, failures = runs(*lengths), Failures()
    for one in some:
        one.undated = True
    batch = batch_of(some, failures)
    batch.attempts = 2
    batch.records.close()
    first, second = batch.split()
    for half in (first, second):
        assert half.attempts == 2
        assert half.created == batch.created
        assert half.undated
    assert values_of(first) == [b"v1", b"v2", b"v3"]
    assert values_of(second) == [b"v4", b"v5"]
    second.complete(10, -1)
    ends = list(itertools.accumulate(lengths))
    assert [one.is_settled for one in some] == [
        end - length >= 3 for end, length in zip(ends, lengths, strict=True)
    ]
    first.complete(20, -1)
    assert all(one.is_settled for one in some)
    assert [one.next_offset for one in some] == [
        (PARTITION, 20 + end if end <= 3 else 10 + end - 3) for end in ends
    ]
    assert not failures


def test_halves_of_a_half() -> None:
    [run] = runs(7)
    batch = batch_of([run], Failures())
    batch.records.close()
    halves = [quarter for half in batch.split() for quarter in half.split()]
    assert [values_of(half) for half in halves] == [
        [b"v1", b"v2"],
        [b"v3", b"v4"],
        [b"v5", b"v6"],
        [b"v7"],
    ]
    for half in halves:
        assert not run.is_settled
        half.complete(1, -1)
    assert run.is_settled


@pytest.mark.parametrize("isolated", [False, True])
def test_parts_of_a_run_that_goes_again(isolated: bool) -> None:
    [run] = runs(6)
    run.undated = True
    batch = RecordBatch(PARTITION, 1, Failures())
    batch.add(run, 0)
    batch.complete(10, -1)
    parts = run.parts({3, 4}, isolated=isolated)
    found = [([one.seq for one in part.records], part.is_settled) for part in parts]
    open_ = (
        [([2], False), ([5], False), ([6], False)] if isolated else [([2], False), ([5, 6], False)]
    )
    assert found == sorted([([1], True), ([3, 4], True), *open_])
    assert sum(part.size for part in parts) == run.size
    assert all(part.undated for part in parts)


def test_parts_of_a_settled_run_are_itself() -> None:
    [run] = runs(3)
    run.reject("too large")
    assert run.parts((), isolated=True) == [run]
