"""Runs of pending records, and batches of them, built for kafka-python's producer.

Problem: `KafkaProducer.send` makes a future for every record, takes four locks and writes the
record byte by byte. That is two thirds of what it costs to deliver a message.

Mechanism: the producer's sender takes whole batches from the accumulator, by `ProducerBatch`'s
interface, and reports to each one its outcome. `RecordBatch` is such a one, with one outcome for
all of its records, whose bytes come from ``record_format.py``. Everything that concerns the cluster
(sequence numbers, requests, retries, leaders) remains kafka-python's.

Safety: a batch grows under the accumulator's lock of its partition, and the sender closes it under
the same lock, so none grows once it is sent. Its outcome is set before anyone is notified. When a
batch is too large for its topic, the sender has it split, which kafka-python does by reading it
back; `split` makes the halves from the records themselves, and each run has its new places before
the halves can be sent. Runs are the unit of all bookkeeping: a record has no object but itself.

`ProducerBatch`, the record builders, and the attributes of theirs and of the accumulator that begin
with an underscore are private to kafka-python; there is no public way to hand it encoded records.
The upper bound of kafka-python in ``pyproject.toml`` keeps out releases in which they may differ.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Container, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from kafka.producer.producer_batch import ProducerBatch
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.structs import TopicPartition

from dubhe_sidecar.record import OutgoingRecord
from dubhe_sidecar.sinks.kafka.producer.record_format import encode

UNDATED = -1  # Kafka's "no timestamp": a broker accepts it whatever its clock
FORMAT = 2
# Pause while waiting for records that have no batch to wait for.
_POLL_S = 0.001


class Placement(NamedTuple):
    """Where records of a run are: in a batch, from one of its places on."""

    batch: RecordBatch
    place: int
    first: int
    """Index in the run of the first record."""
    stop: int
    """Index after the last one."""


class PendingRun:
    """Records of one stream, topic and key that were sent together, and what is known of them.

    Args:
        records: what is delivered, one at least.
        size: the bytes of memory they count for.
    """

    __slots__ = ("_settled", "deferred", "placements", "records", "rejected", "size", "undated")

    def __init__(self, records: Sequence[OutgoingRecord], size: int) -> None:
        self.records = records
        self.size = size
        self.placements: tuple[Placement, ...] = ()
        """Where they were last sent, in order; replaced as a whole."""
        self.rejected: str | None = None
        """Why the broker permanently refuses them."""
        self.deferred = False
        """Whether they are given back, neither delivered nor refused: their topic is missing."""
        self.undated = False
        """Whether they are sent without a timestamp."""
        self._settled = False

    @property
    def topic(self) -> str:
        """Where to."""
        return self.records[0].topic

    @property
    def key(self) -> bytes:
        """What decides on the partition."""
        return self.records[0].key

    @property
    def largest(self) -> int:
        """Bytes of key and value of the largest record."""
        return len(self.key) + max(len(record.value) for record in self.records)

    @property
    def is_settled(self) -> bool:
        """Whether none of them needs to be sent any more."""
        return self._settled or self.was_delivered

    @property
    def was_delivered(self) -> bool:
        """Whether the broker has acknowledged each of them."""
        placements = self.placements
        return (
            bool(placements)
            and placements[-1].stop == len(self.records)
            and all(placement.batch.is_delivered for placement in placements)
        )

    def settle(self) -> None:
        """Mark that they need not be sent any more."""
        self._settled = True

    def reject(self, reason: str) -> None:
        """Settle them: the broker permanently refuses them."""
        self.rejected = reason
        self.settle()

    def defer(self) -> None:
        """Settle them: they are given back, since their topic is missing."""
        self.deferred = True
        self.placements = ()
        self.settle()

    def wait(self, timeout: float) -> None:
        """Wait until a batch has an outcome, for at most ``timeout`` seconds."""
        for batch, *_ in self.placements:
            if not batch.produce_future.is_done:
                batch.produce_future.wait(timeout)
                return
        time.sleep(min(_POLL_S, timeout))  # failed: the session reports that

    @property
    def next_offset(self) -> tuple[TopicPartition, int] | None:
        """The offset after the last of them, if the broker returned where it lies."""
        if not self.placements:
            return None
        batch, place, first, stop = self.placements[-1]
        if batch.base_offset < 0:
            return None
        return batch.topic_partition, batch.base_offset + place + stop - first

    def parts(self, arrived: Container[int], *, isolated: bool) -> list[PendingRun]:
        """Return the same records, to be sent again, in order: those that need not be are settled.

        Args:
            arrived: numbers of records that are known to have arrived.
            isolated: make a run of each record that is to be sent.
        """
        if self.is_settled:
            return [self]
        delivered = [(p.first, p.stop) for p in self.placements if p.batch.is_delivered]

        def is_there(index: int) -> bool:
            return self.records[index].seq in arrived or any(a <= index < b for a, b in delivered)

        found = []
        for there, group in groupby(range(len(self.records)), key=is_there):
            indices = list(group)
            step = 1 if isolated and not there else len(indices)
            for first in range(indices[0], indices[-1] + 1, step):
                records = self.records[first : first + step]
                part = PendingRun(records, self.size * len(records) // len(self.records))
                part.undated = self.undated
                if there:
                    part.settle()
                found.append(part)
        found[-1].size = self.size - sum(part.size for part in found[:-1])
        return found


class _BatchBuilder(DefaultRecordBatchBuilder):  # type: ignore[misc]
    """Takes encoded records, and gives them one timestamp when the batch is closed."""

    undated = False

    def add(self, data: bytes, count: int) -> None:
        """Append the bytes of records, which end as number ``count`` of the batch."""
        self._buffer += data
        self._last_offset = count - 1
        self._num_records = count

    def build(self) -> bytearray:
        """Close the batch and return its bytes."""
        # Not the date of the report, which the value holds: the broker's retention goes by this
        # timestamp. A backlog older than that would be deleted as it arrives, and the broker's
        # detection of duplicates loses what is older than a day when it restarts
        # (producer.id.expiration.ms).
        now = UNDATED if self.undated else int(time.time() * 1000)
        self._first_timestamp = self._max_timestamp = now
        built: bytearray = super().build()
        return built


class RecordBatch(ProducerBatch):  # type: ignore[misc]
    """One batch.

    Args:
        partition: where it goes.
        size: in bytes, beyond which it takes no more than one record.
        on_failure: called by the sender's thread with the first run of a failed batch, and why.
        compression: kafka-python's number of it.
    """

    def __init__(
        self,
        partition: TopicPartition,
        size: int,
        on_failure: Callable[[PendingRun, BaseException], None],
        compression: int = 0,
    ) -> None:
        records = MemoryRecordsBuilder(FORMAT, compression, size)
        self._builder = _BatchBuilder(
            magic=FORMAT,
            compression_type=compression,
            is_transactional=False,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=-1,
            batch_size=size,
        )
        records._builder = self._builder
        super().__init__(partition, records)
        self._size = size
        self._compression = compression
        self._on_failure = on_failure
        self._pending: list[PendingRun] = []
        self._count = 0
        self.is_delivered = False
        self.base_offset = -1
        """Where the broker put its first record; -1: not known."""
        self.produce_future.add_both(self._on_outcome)

    @property
    def undated(self) -> bool:
        """Whether its records go without a timestamp."""
        return self._builder.undated

    def add(self, pending: PendingRun, first: int) -> int:
        """Append records of a run from index ``first`` on, as many as fit.

        Returns:
            The index of the first record that is not in it: ``first`` itself if the batch is full,
            closed, or differs in having a timestamp.
        """
        records, builder, count = self.records, self._builder, self._count
        if records._closed:
            return first
        if not count:
            builder.undated = pending.undated
        elif builder.undated != pending.undated:
            return first
        data, stop = encode(pending.records, first, count, self._size - len(builder._buffer))
        if stop > first:
            self._count = end = count + stop - first
            builder.add(data, end)
            records._next_offset = end
            pending.placements += (Placement(self, count, first, stop),)
            self._pending.append(pending)
        return stop

    def split(self) -> list[RecordBatch]:
        """Return the same records in two batches."""
        rest = (self._count + 1) // 2
        halves = [self._empty_copy()]
        for pending in self._pending:
            moved: list[Placement] = []
            for placement in pending.placements:
                if placement.batch is not self:
                    moved.append(placement)
                    continue
                at = placement.first
                while at < placement.stop:
                    if not rest and len(halves) == 1:
                        halves.append(self._empty_copy())
                    stop = min(placement.stop, at + rest) if len(halves) == 1 else placement.stop
                    moved.append(halves[-1]._take(pending, at, stop))
                    rest -= stop - at
                    at = stop
            pending.placements = tuple(moved)
        return halves

    def _empty_copy(self) -> RecordBatch:
        copy = RecordBatch(self.topic_partition, self._size, self._on_failure, self._compression)
        copy.created = self.created
        copy.attempts = self.attempts
        return copy

    def _take(self, pending: PendingRun, first: int, stop: int) -> Placement:
        """Append just these records of a run, which may have places elsewhere too."""
        builder, count = self._builder, self._count
        data, _ = encode(pending.records[:stop], first, count, sys.maxsize)
        builder.undated = pending.undated
        self._count = end = count + stop - first
        builder.add(data, end)
        self.records._next_offset = end
        self._pending.append(pending)
        return Placement(self, count, first, stop)

    def _on_outcome(self, result: Any) -> None:
        first = self._pending[0]
        self._pending = []  # they refer to the batch: no cycle, so both are freed once settled
        error = result
        if not isinstance(result, BaseException):
            base_offset, _, errors = result
            if errors is None:
                self.base_offset = base_offset
                self.is_delivered = True
                return
            error = errors(0)
        self._on_failure(first, error)


def split_and_reenqueue(accumulator: RecordAccumulator, batch: RecordBatch) -> list[RecordBatch]:
    """Do what the accumulator's method of this name does, for a `RecordBatch`."""
    transactions = accumulator._transaction_manager
    if transactions is not None:  # the broker took nothing of it: its numbers are free
        transactions.set_sequence_number(batch.topic_partition, batch.base_sequence)
    halves = batch.split()
    with accumulator._tp_lock(batch.topic_partition):
        waiting = accumulator._batches[batch.topic_partition]
        for half in reversed(halves):
            waiting.appendleft(half)
            accumulator._incomplete.add(half)
    return halves
