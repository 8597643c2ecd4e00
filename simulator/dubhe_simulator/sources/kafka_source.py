"""Follows both topics of a Kafka cluster: a plain consumer of all partitions, without a group.

The database keeps the positions. When the brokers are unreachable, kafka-python waits without an
error; so they are asked whenever nothing has come for a while, and the problem is shown.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError, KafkaError
from kafka.net.compat import KafkaNetClient

from dubhe_simulator.i18n import translate
from dubhe_simulator.sources.base import Put, Source
from dubhe_simulator.sources.record import RecordBatch, SourceRecord

POLL_S = 0.1
POLL_INTERVAL_S = 1.0  # for new partitions, and for brokers that are silent
PROBE_S = 1.5
REQUEST_TIMEOUT_MS = 10_000
BOOTSTRAP_TIMEOUT_MS = 5_000
RETRY_S = 1.0


class KafkaFollower(Source):
    """A source of records. Its thread ends with `close`.

    Args:
        brokers: ``host:port[,host:port…]``.
        topics: names of the topics.
        positions: where to read on, by source; from the database.
        put: takes the records.
        skip_history: begin at the end of a topic that has no position yet.
    """

    def __init__(
        self,
        brokers: str,
        topics: Iterable[str],
        positions: Mapping[str, str],
        put: Put,
        *,
        skip_history: bool = False,
    ) -> None:
        super().__init__(f"kafka {brokers}", put, REQUEST_TIMEOUT_MS / 1000)
        self._brokers = brokers
        self._topics = sorted(set(topics))
        self._stored = positions
        self._skip_history = skip_history
        self._next: dict[TopicPartition, int] = {}
        self._received_at = time.monotonic()
        self._since = 0.0  # when the problem began, seconds since 1970
        self._connected = threading.Event()

    @property
    def error(self) -> str | None:
        """See `Source.error`."""
        if self._problem is None:
            return None
        since = time.strftime("%H:%M:%S", time.localtime(self._since))
        return translate("ui_no_kafka", brokers=self._brokers, error=self._problem, since=since)

    @property
    def outage_s(self) -> float:
        """See `Source.outage_s`."""
        return 0.0 if self._problem is None else time.time() - self._since

    def wait_until_connected(self, timeout: float) -> bool:
        """See `Source.wait_until_connected`."""
        return self._connected.wait(timeout)

    def _run(self) -> None:
        while not self._end.is_set():
            problem = self._session()
            if problem is not None:
                self._since = time.time() if self._problem is None else self._since
                self._problem = problem
                self._end.wait(RETRY_S)

    def _session(self) -> str | None:
        """Read until something hinders; return what."""
        problem = self._unreachable()
        if problem is not None:
            return problem
        consumer = None
        try:
            consumer = self._connect()
            try:
                self._follow(consumer)
            except CorruptRecordError:
                self._step_over()
        except (KafkaError, ValueError, OSError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            if consumer is not None:
                consumer.close(timeout_ms=1000)
        return self._unreachable() if not self._end.is_set() else None

    def _connect(self) -> KafkaConsumer:
        """Make a consumer.

        kafka-python 3.0 leaves four sockets open if its constructor raises, until the process ends.
        """
        made: list[KafkaNetClient] = []

        def client(**config: Any) -> KafkaNetClient:
            made.append(KafkaNetClient(**config))
            return made[-1]

        try:
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
                kafka_client=client,
            )
        except BaseException:
            for one in made:
                one.close()
            raise

    def _follow(self, consumer: KafkaConsumer) -> None:
        known: set[TopicPartition] = set()
        flush = 0  # the request under way, and how far it wants to read
        ends: dict[TopicPartition, int] = {}
        look_at = 0.0
        while not self._end.is_set():
            asked = self._flush.pending
            if time.monotonic() >= look_at or asked > flush:
                known = self._assign(consumer, known)
                self._connected.set()
                if time.monotonic() - self._received_at > POLL_INTERVAL_S:
                    self._ask(consumer, known)
                look_at = time.monotonic() + POLL_INTERVAL_S
            if asked > flush and not self._overlooked(consumer, known):
                flush, ends = asked, _ends(consumer, known)
            if known:
                self._poll(consumer)
            else:
                self._end.wait(POLL_S)  # the topics do not exist yet
            if all(consumer.position(partition) >= end for partition, end in ends.items()):
                self._flush.done(flush)
                ends = {}

    def _poll(self, consumer: KafkaConsumer) -> None:
        """Hand over what comes within a short time."""
        for partition, records in consumer.poll(timeout_ms=int(POLL_S * 1000)).items():
            self._received_at = time.monotonic()
            self._problem = None
            self._hand_over(partition, records)

    def _step_over(self) -> None:
        """Pass the records that kafka-python cannot read, and say so.

        Brokers check less than kafka-python does. What it cannot read stays in the topic, so `poll`
        would raise at it for ever; without telling in which partition it lies or ever reaching what
        follows in its batch. So the partitions are fetched once more, one by one; in the one at
        fault, every offset up to the next batch is passed in its turn. Each attempt has a consumer
        of its own: kafka-python 3.0 does not come back from `poll` after that error.

        Raises:
            KafkaError: the brokers do not answer.
        """
        for partition in sorted(self._next):
            while self._unreadable(partition) and not self._end.is_set():
                pass

    def _unreadable(self, partition: TopicPartition) -> bool:
        """Hand over what is next in a partition; return whether it could not be read."""
        with closing(self._connect()) as consumer:
            if self._next[partition] >= _ends(consumer, [partition])[partition]:
                return False
            consumer.assign([partition])
            consumer.seek(partition, self._next[partition])
            try:
                polled = consumer.poll(timeout_ms=REQUEST_TIMEOUT_MS)
            except CorruptRecordError as error:
                self._hand_over_unreadable(partition, error)
                return True
            for records in polled.values():
                self._hand_over(partition, records)
            return False

    def _overlooked(self, consumer: KafkaConsumer, known: set[TopicPartition]) -> set[str]:
        """Return topics that exist though a look found no partition of theirs.

        kafka-python's `partitions_for_topic` may be answered by a metadata request that was under
        way before, for other topics. An existing topic then looks absent until the next look, and
        everything that is in it would count as read.
        """
        unknown = set(self._topics) - {partition.topic for partition in known}
        return unknown & consumer.topics() if unknown else set()

    def _assign(self, consumer: KafkaConsumer, known: set[TopicPartition]) -> set[TopicPartition]:
        listed = {
            TopicPartition(topic, number)
            for topic in self._topics
            for number in consumer.partitions_for_topic(topic) or ()
        }
        if not listed - known:
            return known
        fresh = [place for place in listed if place not in self._next]
        at_end = fresh and self._skip_history and not self._connected.is_set()
        ends = _ends(consumer, fresh) if at_end else {}
        for partition in fresh:
            stored = self._stored.get(self._source(partition))
            self._next[partition] = ends.get(partition, 0) if stored is None else int(stored)
        consumer.assign(sorted(known | listed))
        for partition in known | listed:
            consumer.seek(partition, self._next[partition])
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
        self._problem = None

    def _unreachable(self) -> str | None:
        """Return why no broker accepts connections; None if one does."""
        problems = []
        for broker in self._brokers.split(","):
            host, _, port = broker.rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), PROBE_S).close()
            except OSError as error:
                problems.append(f"{broker}: {error.strerror or error}")
            else:
                return None
        return "; ".join(problems)

    def _source(self, partition: TopicPartition) -> str:
        return f"{self.name} {partition.topic}/{partition.partition}"

    def _hand_over(self, partition: TopicPartition, raw: list[Any]) -> None:
        source = self._source(partition)
        records = [_record(source, record) for record in raw]
        self._next[partition] = raw[-1].offset + 1
        self._put(RecordBatch(source, records, str(self._next[partition])))

    def _hand_over_unreadable(self, partition: TopicPartition, error: CorruptRecordError) -> None:
        source, offset = self._source(partition), self._next[partition]
        record = SourceRecord(
            source=source,
            topic=partition.topic,
            partition=partition.partition,
            offset=offset,
            timestamp_ms=int(time.time() * 1000),
            headers={},
            value="",
            malformed=f"kafka-python cannot read it, or a record in its batch: {error}",
        )
        self._next[partition] = offset + 1
        self._put(RecordBatch(source, [record], str(offset + 1)))


def _ends(consumer: KafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[Any, int]:
    """Ask for one partition at a time.

    Of several, kafka-python omits those whose leader it does not know at the moment; for a single
    one it asks for the leader. One that is omitted would count as read.
    """
    return {place: int(consumer.end_offsets([place])[place]) for place in sorted(partitions)}


def _record(source: str, raw: Any) -> SourceRecord:
    headers = {name: (value or b"").decode(errors="replace") for name, value in raw.headers}
    malformed = None
    try:
        value = (raw.value or b"").decode()
    except UnicodeDecodeError as error:
        value, malformed = raw.value.decode("utf-8", "backslashreplace"), f"not UTF-8: {error}"
    return SourceRecord(
        source=source,
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp_ms=raw.timestamp,
        headers=headers,
        value=value,
        instance=(raw.key or b"").decode(errors="replace"),
        malformed=malformed,
    )
