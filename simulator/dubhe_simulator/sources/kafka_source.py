"""Follows both topics of a Kafka cluster: a plain consumer of all partitions, without a group.

Positions are the store's. When the brokers are away, kafka-python waits in silence; so they are
asked whenever nothing has come for a while, and what hinders is said.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from dubhe_simulator.i18n import translate
from dubhe_simulator.sources.record import RecordBatch, SourceRecord

POLL_S = 0.1
POLL_INTERVAL_S = 1.0  # for new partitions, and for brokers that are silent
PROBE_S = 1.5
REQUEST_TIMEOUT_MS = 10_000
BOOTSTRAP_TIMEOUT_MS = 5_000
RETRY_S = 1.0


class KafkaFollower:
    """A source of records. Its thread ends with `close`.

    Args:
        brokers: ``host:port[,host:port…]``.
        topics: names of the topics.
        positions: where to read on, by source; from the store.
        put: where records go.
    """

    def __init__(
        self,
        brokers: str,
        topics: Iterable[str],
        positions: Mapping[str, str],
        put: Callable[[RecordBatch], None],
    ) -> None:
        self.name = f"kafka {brokers}"
        self.error: str | None = None
        self._brokers = brokers
        self._topics = sorted(set(topics))
        self._stored = positions
        self._next: dict[TopicPartition, int] = {}
        self._put = put
        self._received_at = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._end.set()
        self._thread.join(REQUEST_TIMEOUT_MS / 1000)

    def _run(self) -> None:
        since = None
        while not self._end.is_set():
            problem = self._session()
            if problem is not None:
                since = since or time.strftime("%H:%M:%S")
                self.error = translate(
                    "ui_no_kafka", brokers=self._brokers, error=problem, since=since
                )
                self._end.wait(RETRY_S)
            else:
                since = None

    def _session(self) -> str | None:
        """Read until something hinders; return what."""
        problem = self._unreachable()
        if problem is not None:
            return problem
        consumer = None
        try:
            consumer = self._connect()
            self._follow(consumer)
        except (KafkaError, ValueError, OSError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            if consumer is not None:
                consumer.close(timeout_ms=1000)
        return self._unreachable() if not self._end.is_set() else None

    def _connect(self) -> KafkaConsumer:
        return KafkaConsumer(
            bootstrap_servers=self._brokers.split(","),
            group_id=None,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            auto_offset_reset="earliest",
            bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=int(POLL_INTERVAL_S * 1000),
            consumer_timeout_ms=0,
        )

    def _follow(self, consumer: KafkaConsumer) -> None:
        known: set[TopicPartition] = set()
        look_at = 0.0
        while not self._end.is_set():
            if time.monotonic() >= look_at:
                known = self._assign(consumer, known)
                if time.monotonic() - self._received_at > POLL_INTERVAL_S:
                    self._ask(consumer, known)
                look_at = time.monotonic() + POLL_INTERVAL_S
            if not known:
                self._end.wait(POLL_S)  # the topics do not exist yet
                continue
            for partition, records in consumer.poll(timeout_ms=int(POLL_S * 1000)).items():
                self._received_at = time.monotonic()
                self.error = None
                self._hand_over(partition, records)

    def _assign(self, consumer: KafkaConsumer, known: set[TopicPartition]) -> set[TopicPartition]:
        listed = {
            TopicPartition(topic, number)
            for topic in self._topics
            for number in consumer.partitions_for_topic(topic) or ()
        }
        if not listed - known:
            return known
        consumer.assign(sorted(known | listed))
        for partition in known | listed:
            consumer.seek(partition, self._position(partition))
        return known | listed

    def _ask(self, consumer: KafkaConsumer, known: set[TopicPartition]) -> None:
        """Find out whether the silence is the brokers' or the instances'.

        Raises:
            KafkaError: the brokers do not answer.
        """
        problem = self._unreachable()
        if problem is not None:
            raise OSError(problem)
        if known:
            consumer.end_offsets(sorted(known), timeout_ms=REQUEST_TIMEOUT_MS // 2)
        self.error = None

    def _unreachable(self) -> str | None:
        """Return why no broker accepts connections; None if one does."""
        troubles = []
        for broker in self._brokers.split(","):
            host, _, port = broker.rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), PROBE_S).close()
            except OSError as error:
                troubles.append(f"{broker}: {error.strerror or error}")
            else:
                return None
        return "; ".join(troubles)

    def _source(self, partition: TopicPartition) -> str:
        return f"{self.name} {partition.topic}/{partition.partition}"

    def _position(self, partition: TopicPartition) -> int:
        if partition not in self._next:
            self._next[partition] = int(self._stored.get(self._source(partition), 0))
        return self._next[partition]

    def _hand_over(self, partition: TopicPartition, raw: list[Any]) -> None:
        source = self._source(partition)
        records = [_record(source, record) for record in raw]
        self._next[partition] = raw[-1].offset + 1
        self._put(RecordBatch(source, records, str(self._next[partition])))


def _record(source: str, raw: Any) -> SourceRecord:
    headers = {name: (value or b"").decode(errors="replace") for name, value in raw.headers}
    broken = None
    try:
        value = (raw.value or b"").decode()
    except UnicodeDecodeError as error:
        value, broken = raw.value.decode("utf-8", "backslashreplace"), f"not UTF-8: {error}"
    return SourceRecord(
        source=source,
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp_ms=raw.timestamp,
        headers=headers,
        value=value,
        instance=(raw.key or b"").decode(errors="replace"),
        broken=broken,
    )
