"""One KafkaProducer, the records it sends, and how it is stopped for good.

Problem: after an error kafka-python's producer goes on with the next batch (delivery timeout,
unknown producer id), or fails all others with the same error (most others). The first would let
later records overtake, the second would blame sound records. And it cannot be closed: `close`
begins with `flush`, which raises if a record cannot be delivered, and then nothing is closed.

Mechanism: the first failure of a session stops it from within its own sender thread, by
``force_close``. The sender checks that flag before it sends anything more, since failures are
reported while responses are read, which is the last step of its loop. What the session still held
fails with an error that is ignored; the sink sends it again in a new session, after it has found
out from the partition's tail what had arrived.

Safety: sockets are closed with ``SO_LINGER`` 0: bytes that have not left this host are dropped with
the session, also if the process is killed. So the kernel cannot deliver them minutes later, while a
new session is sending.

``_sender`` (to stop it, and its ``_client._manager`` to ask something beside the delivery),
``_accumulator`` with its ``_batches``, ``_incomplete``, ``_closed`` and ``_tp_lock`` (to add a
`RecordBatch`), ``_transaction_manager`` (for the producer's id), and ``_metadata`` (to check a
partition without blocking, for the cluster's id and its brokers) are private to kafka-python; its
public calls cannot stop a producer within a batch, take encoded records, or tell the id. The upper
bound of kafka-python in ``pyproject.toml`` keeps out releases in which they may differ, and tests
against a real broker kill it, freeze it and have records rejected.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection
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
from dubhe_sidecar.sinks.kafka.diagnostics.topic_config import ask_cleanup_policy
from dubhe_sidecar.sinks.kafka.limits import KafkaLimits
from dubhe_sidecar.sinks.kafka.producer.batch import (
    PendingRun,
    RecordBatch,
    split_and_reenqueue,
)
from dubhe_sidecar.sinks.kafka.producer.topic_lookup import TopicLookup
from dubhe_sidecar.sinks.kafka.settings import Server

JOIN_S = 30.0  # longer than the longest step of a sender: resolving a name
_ID_POLL_S = 0.002
NO_PRODUCER_ID = -1
NO_DELIVERY_TIMEOUT_MS = 10 * 365 * 24 * 3600 * 1000  # the sink has its own rules
SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)),
]


class ProducerSession:
    """One producer, from its start to its first failure.

    Args:
        client: how to reach the cluster, for kafka-python.
        limits: times and sizes.
        isolated: give every record a batch of its own, so that an error is about exactly one.
        idempotent: have the broker drop what a repeated request brings twice. Otherwise the order
            is kept too, but a request whose answer is lost may arrive twice.
    """

    def __init__(
        self,
        client: dict[str, Any],
        limits: KafkaLimits,
        *,
        isolated: bool = False,
        idempotent: bool = True,
    ) -> None:
        self.isolated = isolated
        self._limits = limits
        self.failure: tuple[PendingRun | None, BaseException] | None = None
        self.topics: set[str] = set()
        """Topics whose metadata the session has. To get that of another it has to ask the cluster,
        and once it has failed no answer comes: the caller then waits for the whole timeout.
        So nothing may be in flight when a session has to ask."""
        self._mutex = threading.Lock()
        self._producer = KafkaProducer(
            **client,
            acks="all",
            enable_idempotence=idempotent,
            # Without idempotence kafka-python keeps the order only if one request is on its way.
            max_in_flight_requests_per_connection=5 if idempotent else 1,
            retries=float("inf"),
            delivery_timeout_ms=NO_DELIVERY_TIMEOUT_MS,
            linger_ms=limits.linger_ms,
            max_request_size=limits.record_bytes_max,
            request_timeout_ms=int(limits.request_timeout_s * 1000),
            max_block_ms=int(min(limits.connect_timeout_s, limits.metadata_timeout_s) * 1000),
            metrics_enabled=False,
        )
        transactions = self._producer._transaction_manager
        self._told_id: int | None = None
        if transactions is not None:
            self._set_id = transactions.set_producer_id_and_epoch
            transactions.set_producer_id_and_epoch = self._on_id
        self._batch_bytes = 1 if isolated else limits.batch_bytes
        self._producer._accumulator.split_and_reenqueue = self._split

    @property
    def cluster(self) -> str:
        """Id of the cluster; empty if the brokers do not tell (before 0.10.1)."""
        return self._producer._metadata.cluster_id or ""

    @property
    def brokers(self) -> frozenset[Server]:
        """The brokers that the cluster announced last."""
        known = self._producer._metadata.brokers()
        return frozenset(Server((broker.host, broker.port)) for broker in known)

    def ask_cleanup_policy(self, topic: str, on_answer: Callable[[str], None]) -> None:
        """Ask for a topic's cleanup policy, without waiting; see `ask_cleanup_policy`."""
        ask_cleanup_policy(self._producer._sender._client._manager, topic, on_answer)

    def look_up(self, topics: Collection[str]) -> TopicLookup:
        """Ask whether topics exist, without waiting; see `TopicLookup`."""
        return TopicLookup(self._producer._sender._client._manager, topics)

    def producer_id(self, timeout: float) -> int | None:
        """Return the id that the broker gave to the producer, and writes into its batches.

        Args:
            timeout: seconds to wait for it.

        Returns:
            None if it is not known yet; -1 without idempotence, as its batches have it.

        Raises:
            KafkaError: the broker gives none, for example because a permission is missing.
        """
        transactions = self._producer._transaction_manager
        if transactions is None:
            return NO_PRODUCER_ID
        deadline = time.monotonic() + timeout
        while not transactions.has_producer_id():
            if transactions.has_fatal_error():
                raise transactions.last_error
            if time.monotonic() >= deadline:
                return None
            time.sleep(min(_ID_POLL_S, timeout))  # no public call waits for it
        self._told_id = int(transactions.producer_id_and_epoch.producer_id)
        return self._told_id

    def _on_id(self, found: Any) -> None:
        """Stop the session if the sender gets another id than the one that was saved.

        It asks for another one only after a batch has failed, which stops the session anyway. If
        it did so in between, records would be sent that a search after a crash takes for foreign.
        """
        self._set_id(found)
        if found.is_valid and self._told_id not in (None, found.producer_id):
            self.fail(None, KafkaError(f"another producer id, {found}, within a session"))

    def partition_count(self, topic: str) -> int:
        """Return the number of partitions; a broker set up to do so creates a missing topic.

        Raises:
            KafkaError: no answer came in time.
        """
        count = len(self._producer.partitions_for(topic))
        self.topics.add(topic)
        return count

    def send(self, pending: PendingRun, partition: TopicPartition) -> None:
        """Send a run, in one batch or several.

        Raises:
            KafkaError: it was not accepted, for example because the session has failed.
        """
        if partition.topic not in self.topics:
            self.partition_count(partition.topic)
        limit = self._limits.record_bytes_max
        if pending.size > limit and (payload := pending.largest) > limit:
            raise MessageSizeTooLargeError(
                f"the record has {payload} bytes, at most {limit} are sent"
            )
        pending.placements = ()
        first, count = 0, len(pending.records)
        accumulator = self._producer._accumulator
        with accumulator._tp_lock(partition):
            if accumulator._closed:
                raise IllegalStateError("the session has failed")
            waiting = accumulator._batches[partition]
            if waiting:
                first = waiting[-1].add(pending, 0)
                if first == count:
                    return
            if partition.partition not in (
                self._producer._metadata.partitions_for_topic(partition.topic) or ()
            ):
                raise UnknownTopicOrPartitionError(
                    f"{partition.topic} has no partition {partition.partition}"
                )
            compression = accumulator.config["compression_attrs"]
            while first < count:
                batch = RecordBatch(partition, self._batch_bytes, self.fail, compression)
                first = batch.add(pending, first)
                waiting.append(batch)
                accumulator._incomplete.add(batch)
        self._producer._sender.wakeup()

    def _split(self, batch: RecordBatch) -> int:
        """Split a batch that is too large for its topic, and make smaller ones from now on."""
        self._batch_bytes = min(self._batch_bytes, max(1, batch.records.size_in_bytes() // 2))
        return len(split_and_reenqueue(self._producer._accumulator, batch))

    def fail(self, pending: PendingRun | None, error: BaseException) -> None:
        """Stop the session, because of a record if one is given. Only the first call counts."""
        with self._mutex:
            if self.failure is not None:
                return
            self.failure = (pending, error)
        self._producer._sender.force_close()

    def abandon(self) -> None:
        """Stop at once and cut the connections.

        Raises:
            SinkError: it does not stop; a process is easier to end than a thread.
        """
        sender = self._producer._sender
        with self._mutex:
            if self.failure is None:  # what fails from now on fails because of this
                self.failure = (None, SinkError("abandoned"))
        sender.force_close()
        sender.join(JOIN_S)
        if sender.is_alive():
            raise SinkError(f"kafka-python's sender did not stop within {JOIN_S:.0f} s")
        with contextlib.suppress(KafkaError):  # nothing is left to be flushed
            self._producer.close(timeout=0)

    def close(self, timeout: float) -> None:
        """Close the connections; in an orderly way if nothing is in flight."""
        try:
            self._producer.close(timeout=timeout)
        except KafkaError:
            self.abandon()
