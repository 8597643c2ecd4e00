"""A pending record, and a batch of them for one partition, built for kafka-python's producer.

Problem: `KafkaProducer.send` makes a future for every record, takes four locks and writes the
record byte by byte. That is two thirds of what it costs to deliver a message.

Mechanism: the producer's sender takes whole batches from the accumulator, by `ProducerBatch`'s
interface, and reports to each one its outcome. `RecordBatch` is such a one, with one outcome for
all of its records, whose bytes come from ``record_format.py``. Everything that concerns the cluster
(sequence numbers, requests, retries, leaders) remains kafka-python's.

Safety: a batch grows under the accumulator's lock of its partition, and the sender closes it under
the same lock, so none grows once it is sent. Its outcome is set before anyone is notified. When a
batch is too large for its topic, the sender has it split, which kafka-python does by reading it
back; `split` makes the halves from the records themselves, and each record has its new place before
the halves can be sent.

`ProducerBatch`, the record builders, and the attributes of theirs and of the accumulator that begin
with an underscore are private to kafka-python; there is no public way to hand it encoded records.
The upper bound of kafka-python in ``pyproject.toml`` keeps out releases in which they may differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kafka.producer.producer_batch import ProducerBatch
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.structs import TopicPartition

from dubhe_sidecar.record import OutgoingRecord
from dubhe_sidecar.sinks.kafka.producer.record_format import encode

UNDATED = -1  # Kafka's "no timestamp": a broker accepts it whatever its clock
FORMAT = 2
# Pause while waiting for a record that has no batch to wait for.
_POLL_S = 0.001


class PendingRecord:
    """A record whose outcome has not been collected, and what is known of it.

    Args:
        record: what is delivered.
        size: the bytes of memory it counts for.
    """

    __slots__ = ("_settled", "batch", "index", "record", "rejected", "size", "undated")

    def __init__(self, record: OutgoingRecord, size: int) -> None:
        self.record = record
        self.size = size
        self.batch: RecordBatch | None = None
        """The one it was last sent in."""
        self.index = 0
        """Its place in the batch."""
        self.rejected: str | None = None
        """Why the broker permanently refuses it."""
        self.undated = False
        """Whether it is sent without a timestamp."""
        self._settled = False

    @property
    def is_settled(self) -> bool:
        """Whether it need not be sent any more."""
        return self._settled or (self.batch is not None and self.batch.is_delivered)

    def settle(self) -> None:
        """Mark that it need not be sent any more."""
        self._settled = True

    def reject(self, reason: str) -> None:
        """Settle it: the broker permanently refuses it."""
        self.rejected = reason
        self.settle()

    def wait(self, timeout: float) -> None:
        """Wait until its batch has an outcome, for at most ``timeout`` seconds."""
        batch = self.batch
        if batch is None or batch.produce_future.is_done:  # failed: the session reports that
            time.sleep(min(_POLL_S, timeout))
        else:
            batch.produce_future.wait(timeout)

    @property
    def next_offset(self) -> tuple[TopicPartition, int] | None:
        """The offset after it, if the broker returned where it lies."""
        batch = self.batch
        if batch is None or batch.base_offset < 0:
            return None
        return batch.topic_partition, batch.base_offset + self.index + 1


class _BatchBuilder(DefaultRecordBatchBuilder):  # type: ignore[misc]
    """Takes encoded records, and gives them one timestamp when the batch is closed."""

    undated = False

    def add(self, index: int, data: bytes) -> None:
        """Append a record's bytes."""
        self._buffer += data
        self._last_offset = index
        self._num_records = index + 1

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
        on_failure: called by the sender's thread with the first record of a failed batch, and why.
        compression: kafka-python's number of it.
    """

    def __init__(
        self,
        partition: TopicPartition,
        size: int,
        on_failure: Callable[[PendingRecord, BaseException], None],
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
        self._pending: list[PendingRecord] = []
        self.is_delivered = False
        self.base_offset = -1
        """Where the broker put its first record; -1: not known."""
        self.produce_future.add_both(self._on_outcome)

    def add(self, pending: PendingRecord) -> bool:
        """Append a record, unless the batch is full, closed, or differs in having a timestamp."""
        records, builder, index = self.records, self._builder, len(self._pending)
        if records._closed:
            return False
        data = encode(index, pending.record)
        if index == 0:
            builder.undated = pending.undated
        elif len(builder._buffer) + len(data) > self._size or builder.undated != pending.undated:
            return False
        builder.add(index, data)
        records._next_offset = index + 1
        pending.batch, pending.index = self, index
        self._pending.append(pending)
        return True

    def split(self) -> list[RecordBatch]:
        """Return the same records in two batches."""
        middle = (len(self._pending) + 1) // 2
        halves = []
        for members in (self._pending[:middle], self._pending[middle:]):
            half = RecordBatch(
                self.topic_partition, self._size, self._on_failure, self._compression
            )
            half.created = self.created
            half.attempts = self.attempts
            for member in members:
                half.add(member)
            halves.append(half)
        return halves

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
