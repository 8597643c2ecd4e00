"""One KafkaProducer, the records on it, and how it is stopped for good.

Problem: after an error kafka-python's producer goes on with the next batch (delivery timeout,
unknown producer id), or fails all others with the same error (most others). The first would let
later records overtake, the second would blame sound records. And it cannot be closed: `close`
begins with `flush`, which raises if a record cannot be delivered, and then nothing is closed.

Mechanism: the first failure of a line stops it from within its own sender thread, by
``force_close``. That flag is looked at before anything more is sent, since failures are told
while answers are read, which is the last step of the sender's loop. What the line still held
fails with a remark that is ignored; the sink sends it again on a new line, after it has learned
from the partition's tail what had arrived.

Safety: ``_sender`` and ``_accumulator`` are private, hence the narrow version range in
``pyproject.toml`` and a test that kills, freezes and rejects. Sockets are closed with
``SO_LINGER`` 0: bytes that have not left this host are dropped with the line, also if the process
is killed, and cannot be delivered minutes later by the kernel behind the back of a new line.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import TopicPartition

from dubhe_sidecar.sinks.base import SinkError
from dubhe_sidecar.sinks.kafka.limits import Limits
from dubhe_sidecar.sinks.kafka.producer.batch import Batch, split_and_reenqueue
from dubhe_sidecar.sinks.kafka.producer.pending import Flight

JOIN_S = 30.0  # above the longest thing a sender does in one step: resolving a name
NEVER_MS = 10 * 365 * 24 * 3600 * 1000  # as a delivery timeout: the sink's own rules apply
SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)),
]


class Line:
    """One producer.

    Args:
        client: how to reach the cluster, for kafka-python.
        limits: times and sizes.
        careful: give every record a batch of its own, so that an error tells which it is about.
    """

    def __init__(self, client: dict[str, Any], limits: Limits, *, careful: bool = False) -> None:
        self.careful = careful
        self._limits = limits
        self.failure: tuple[Flight | None, BaseException] | None = None
        self.topics: set[str] = set()
        """Topics that the line knows. To learn of one it has to ask, and once it has failed it
        answers no more: who waits for the answer then waits for the whole connect timeout. So
        nothing may be on its way when a line has to ask."""
        self._mutex = threading.Lock()
        self._producer = KafkaProducer(
            **client,
            acks="all",
            enable_idempotence=True,
            retries=float("inf"),
            delivery_timeout_ms=NEVER_MS,
            linger_ms=limits.linger_ms,
            max_request_size=limits.record_bytes_max,
            request_timeout_ms=int(limits.request_timeout_s * 1000),
            max_block_ms=int(limits.connect_timeout_s * 1000),
            metrics_enabled=False,
        )
        self._batch_bytes = 1 if careful else limits.batch_bytes
        self._producer._accumulator.split_and_reenqueue = self._split

    def partitions(self, topic: str) -> int:
        """Return the number of partitions, having the topic created if the broker does that.

        Raises:
            KafkaError: it could not be found out within the connect timeout.
        """
        count = len(self._producer.partitions_for(topic))
        self.topics.add(topic)
        return count

    def send(self, flight: Flight, place: TopicPartition) -> None:
        """Send a record.

        Raises:
            KafkaError: it was not taken, for example because the line has failed.
        """
        if place.topic not in self.topics:
            self.partitions(place.topic)
        payload = len(flight.record.key) + len(flight.record.value)
        if payload > self._limits.record_bytes_max:
            raise MessageSizeTooLargeError(
                f"the record has {payload} bytes, at most {self._limits.record_bytes_max} are sent"
            )
        accumulator = self._producer._accumulator
        with accumulator._tp_lock(place):
            if accumulator._closed:
                raise IllegalStateError("the line has failed")
            waiting = accumulator._batches[place]
            if waiting and waiting[-1].add(flight):
                return
            if place.partition not in (
                self._producer._metadata.partitions_for_topic(place.topic) or ()
            ):
                raise UnknownTopicOrPartitionError(
                    f"{place.topic} has no partition {place.partition}"
                )
            batch = Batch(
                place, self._batch_bytes, self.fail, accumulator.config["compression_attrs"]
            )
            batch.add(flight)
            waiting.append(batch)
            accumulator._incomplete.add(batch)
        self._producer._sender.wakeup()

    def _split(self, batch: Batch) -> int:
        """Take a batch apart that is too large for its topic, and make smaller ones from now on."""
        self._batch_bytes = min(self._batch_bytes, max(1, batch.records.size_in_bytes() // 2))
        return len(split_and_reenqueue(self._producer._accumulator, batch))

    def fail(self, flight: Flight, error: BaseException) -> None:
        """Stop the line because of a record. Only the first call counts."""
        with self._mutex:
            if self.failure is not None:
                return
            self.failure = (flight, error)
        self._producer._sender.force_close()

    def abandon(self) -> None:
        """Stop at once and cut the connections.

        Raises:
            SinkError: it does not stop; a process is easier to end than a thread.
        """
        sender = self._producer._sender
        with self._mutex:
            if self.failure is None:  # what fails from now on fails because of us
                self.failure = (None, SinkError("abandoned"))
        sender.force_close()
        sender.join(JOIN_S)
        if sender.is_alive():
            raise SinkError(f"kafka-python's sender did not stop within {JOIN_S:.0f} s")
        with contextlib.suppress(KafkaError):  # nothing is left to be flushed
            self._producer.close(timeout=0)

    def close(self, timeout: float) -> None:
        """Let go of the connections; in an orderly way if nothing is in flight."""
        try:
            self._producer.close(timeout=timeout)
        except KafkaError:
            self.abandon()
