"""Messages from Kafka: a plain consumer of all partitions, without a group.

It begins at the ends the topics had when it was made, which has to be before the instance starts;
a topic or partition that appears later is read from its beginning. A broker that is away for a
while is waited for: positions are kept here, so nothing is missed and nothing read twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from dubhe_simulator.contract.message import Message
from dubhe_simulator.errors import CannotPlay
from dubhe_simulator.i18n import translate
from dubhe_simulator.sources.base import SourceBroken

LOOK_FOR_PARTITIONS_EVERY_S = 1.0
REQUEST_TIMEOUT_MS = 15_000
BOOTSTRAP_TIMEOUT_MS = 10_000
DRAIN_TIMEOUT_S = 30.0
RECONNECT_MAX_MS = 1000  # somebody is looking at the screen
OUTAGE_TIMEOUT_S = 120.0
AGAIN_S = 0.2


class KafkaSource:
    """Reads one instance's messages.

    Args:
        brokers: ``host:port[,host:port…]``.
        topics: names of the topics.
        instance_id: messages of other instances are left out.

    Raises:
        CannotPlay: no broker can be reached.
    """

    def __init__(self, brokers: str, topics: Iterable[str], instance_id: str) -> None:
        self._topics = sorted(set(topics))
        self._instance_id = instance_id
        self._known: set[TopicPartition] = set()
        self._away_since: float | None = None
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=brokers.split(","),
                group_id=None,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                auto_offset_reset="earliest",
                bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                metadata_max_age_ms=int(LOOK_FOR_PARTITIONS_EVERY_S * 1000),
                reconnect_backoff_max_ms=RECONNECT_MAX_MS,
                consumer_timeout_ms=0,
            )
            self._add_partitions(from_end=True)
        except (KafkaError, ValueError) as error:
            raise CannotPlay(translate("no_broker", brokers=brokers, error=error)) from error
        self._looked_at = time.monotonic()

    def poll(self, timeout: float) -> list[Message]:
        """See `Source.poll`."""
        try:
            if self._away_since is not None:
                # Only a request tells: `poll` and what is known of topics say nothing of an outage.
                self._consumer.topics()
                self._away_since = None
            if time.monotonic() - self._looked_at > LOOK_FOR_PARTITIONS_EVERY_S:
                self._add_partitions(from_end=False)
                self._looked_at = time.monotonic()
            if not self._known:
                time.sleep(min(timeout, 0.1))  # the topics do not exist yet
                return []
            batches = self._consumer.poll(timeout_ms=int(timeout * 1000))
        except (KafkaError, ValueError) as error:
            self._bear(error, OUTAGE_TIMEOUT_S)
            return []
        records = [record for batch in batches.values() for record in batch]
        # One instance writes to two topics; its own clock tells in which order it spoke.
        records.sort(key=lambda record: record.timestamp)
        messages = [_message(record) for record in records]
        return [m for m in messages if m is not None and m.instance_id == self._instance_id]

    def drain(self) -> list[Message]:
        """See `Source.drain`."""
        found: list[Message] = []
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        while not self._at_end():
            if time.monotonic() > deadline:
                raise SourceBroken(f"Kafka: the end was not reached in {DRAIN_TIMEOUT_S:.0f} s")
            found += self.poll(0.2)
        return found

    def close(self) -> None:
        """See `Source.close`."""
        self._consumer.close()

    def _at_end(self) -> bool:
        try:
            self._add_partitions(from_end=False)
            ends = self._consumer.end_offsets(sorted(self._known)) if self._known else {}
            return all(self._consumer.position(place) >= end for place, end in ends.items())
        except (KafkaError, ValueError) as error:
            self._bear(error, DRAIN_TIMEOUT_S)
            return False

    def _bear(self, error: KafkaError | ValueError, limit: float) -> None:
        """Do nothing about a broker that is away, if it is not for long.

        Raises:
            SourceBroken: it is away for longer than ``limit`` seconds, or waiting does not help.
        """
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if not getattr(error, "retriable", False) or now - self._away_since > limit:
            raise SourceBroken(f"Kafka: {type(error).__name__}: {error}") from error
        time.sleep(AGAIN_S)  # refused at once, for as long as nobody listens

    def _add_partitions(self, *, from_end: bool) -> None:
        fresh = [partition for partition in self._listed() if partition not in self._known]
        if not fresh:
            return
        held = {partition: self._consumer.position(partition) for partition in self._assigned()}
        starts = self._consumer.end_offsets(fresh) if from_end else dict.fromkeys(fresh, 0)
        # Known only now: whatever failed above is done again.
        self._known.update(fresh)
        self._consumer.assign(sorted(self._known))
        for partition, offset in {**held, **starts}.items():
            self._consumer.seek(partition, offset)

    def _listed(self) -> Sequence[TopicPartition]:
        return [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]

    def _assigned(self) -> set[TopicPartition]:
        assigned: set[TopicPartition] = self._consumer.assignment()
        return assigned


def _message(record: Any) -> Message | None:
    """Return the message, or None for what is not the contract's (others may write there)."""
    try:
        value = json.loads(record.value)
    except (TypeError, ValueError):
        return None
    if not isinstance(value, dict):
        return None
    headers = {name: (raw or b"").decode(errors="replace") for name, raw in record.headers}
    return Message(record.topic, record.timestamp, headers, value)
