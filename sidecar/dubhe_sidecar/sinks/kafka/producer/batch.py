"""A batch of records for one partition, built by hand for kafka-python's producer.

Problem: `KafkaProducer.send` makes a future for every record, takes four locks and writes the
record byte by byte. That is two thirds of what it costs to deliver a message.

Mechanism: the producer's sender takes whole batches from the accumulator, by `ProducerBatch`'s
interface, and tells each one its outcome. `Batch` is such a one, with one outcome for all of its
records, whose bytes come from `recordformat`. Everything that has to do with the cluster
(sequence numbers, requests, repetition, leaders) remains kafka-python's.

Safety: a batch grows under the accumulator's lock of its partition, and the sender closes it under
the same lock, so none grows once it is sent. Its outcome is set before anyone is told of it. When a
batch is too large for its topic, the sender has it split, which kafka-python does by reading it
back; `split` makes the halves from the records themselves, and they know their new places before
the halves can be sent.
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

from dubhe_sidecar.sinks.kafka.producer.pending import Flight
from dubhe_sidecar.sinks.kafka.producer.record_format import encode

UNDATED = -1  # Kafka's own "no timestamp": a broker takes it whatever its clock says
FORMAT = 2


class _Builder(DefaultRecordBatchBuilder):  # type: ignore[misc]
    """Takes records that are encoded already, and dates them all when the batch is closed."""

    undated = False

    def add(self, index: int, data: bytes) -> None:
        """Append a record's bytes."""
        self._buffer += data
        self._last_offset = index
        self._num_records = index + 1

    def build(self) -> bytearray:
        """Close the batch and return its bytes."""
        # Not when it was said, which the value tells: the broker judges by this date what to
        # keep. A backlog older than its retention would be deleted as it arrives, and what is
        # older than a day is forgotten by the broker's detection of repeats when it restarts
        # (producer.id.expiration.ms).
        now = UNDATED if self.undated else int(time.time() * 1000)
        self._first_timestamp = self._max_timestamp = now
        built: bytearray = super().build()
        return built


class Batch(ProducerBatch):  # type: ignore[misc]
    """One batch.

    Args:
        place: where it goes.
        size: in bytes, beyond which it takes no more than one record.
        on_failure: told the first record of a batch that failed, and why, by the sender's thread.
        compression: kafka-python's number of it.
    """

    def __init__(
        self,
        place: TopicPartition,
        size: int,
        on_failure: Callable[[Flight, BaseException], None],
        compression: int = 0,
    ) -> None:
        records = MemoryRecordsBuilder(FORMAT, compression, size)
        self._builder = _Builder(
            magic=FORMAT,
            compression_type=compression,
            is_transactional=False,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=-1,
            batch_size=size,
        )
        records._builder = self._builder
        super().__init__(place, records)
        self._size = size
        self._compression = compression
        self._on_failure = on_failure
        self._flights: list[Flight] = []
        self.is_delivered = False
        self.base_offset = -1
        """Where the broker put its first record; -1: not known."""
        self.produce_future.add_both(self._ended)

    def add(self, flight: Flight) -> bool:
        """Append a record, unless the batch is full, closed, or dated otherwise."""
        records, builder, index = self.records, self._builder, len(self._flights)
        if records._closed:
            return False
        data = encode(index, flight.record)
        if index == 0:
            builder.undated = flight.undated
        elif len(builder._buffer) + len(data) > self._size or builder.undated != flight.undated:
            return False
        builder.add(index, data)
        records._next_offset = index + 1
        flight.batch, flight.index = self, index
        self._flights.append(flight)
        return True

    def split(self) -> list[Batch]:
        """Return the same records in two batches."""
        middle = (len(self._flights) + 1) // 2
        halves = []
        for flights in (self._flights[:middle], self._flights[middle:]):
            half = Batch(self.topic_partition, self._size, self._on_failure, self._compression)
            half.created = self.created
            half.attempts = self.attempts
            for flight in flights:
                half.add(flight)
            halves.append(half)
        return halves

    def _ended(self, result: Any) -> None:
        first = self._flights[0]
        self._flights = []  # they know the batch: without the circle both go when they are settled
        error = result
        if not isinstance(result, BaseException):
            base_offset, _, errors = result
            if errors is None:
                self.base_offset = base_offset
                self.is_delivered = True
                return
            error = errors(0)
        self._on_failure(first, error)


def split_and_reenqueue(accumulator: RecordAccumulator, batch: Batch) -> list[Batch]:
    """Do what the accumulator's method of this name does, with a `Batch`."""
    transactions = accumulator._transaction_manager
    # The broker took nothing of it: its numbers are free for the halves.
    transactions.set_sequence_number(batch.topic_partition, batch.base_sequence)
    halves = batch.split()
    with accumulator._tp_lock(batch.topic_partition):
        waiting = accumulator._batches[batch.topic_partition]
        for half in reversed(halves):
            waiting.appendleft(half)
            accumulator._incomplete.add(half)
    return halves
