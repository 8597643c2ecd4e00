"""What is really in a topic, read by librdkafka: no code in common with what is under test.

It is a plain consumer, as the platform's are: no group, no transactions, no removal of repeats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

METADATA_TIMEOUT_S = 10.0
NEW_PARTITIONS_EVERY_S = 0.5


class Message(NamedTuple):
    """One record as a consumer sees it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int

    def header(self, name: str) -> bytes | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key == name), None)


class Reader:
    """Reads all partitions of a topic from the beginning, and on as records arrive.

    A topic that does not exist has no messages; it may appear later.
    """

    def __init__(
        self, bootstrap: str, topic: str, config: Mapping[str, str | int | bool] | None = None
    ) -> None:
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "independent-reader",  # librdkafka insists; nothing is committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_uncommitted",
                "allow.auto.create.topics": False,
                "fetch.wait.max.ms": 20,
                "log_level": 0,
                **(config or {}),
            }
        )
        self._at_end: dict[int, bool] = {}
        self._listed_at = 0.0

    def poll(self, timeout: float) -> list[Message]:
        """Return messages that arrived; waits up to ``timeout`` seconds for the first."""
        if time.monotonic() - self._listed_at > NEW_PARTITIONS_EVERY_S:
            self._assign()
        if not self._at_end:
            time.sleep(min(timeout, 0.02))
            return []
        found: list[Message] = []
        for message in self._consumer.consume(10_000, timeout):
            error, partition = message.error(), message.partition()
            if error is None and partition is not None:
                found.append(_message(message))
                self._at_end[partition] = False
            elif error and error.code() == KafkaError._PARTITION_EOF and partition is not None:
                self._at_end[partition] = True
            else:
                raise KafkaException(error)
        return found

    @property
    def at_end(self) -> bool:
        """Whether the end of every partition was reached by what `poll` returned."""
        return all(self._at_end.values())

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

    def __enter__(self) -> Reader:
        self._assign()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _assign(self) -> None:
        listed = self._consumer.list_topics(self._topic, timeout=METADATA_TIMEOUT_S)
        self._listed_at = time.monotonic()
        fresh = sorted(set(listed.topics[self._topic].partitions) - set(self._at_end))
        if fresh:
            self._consumer.incremental_assign(
                [TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in fresh]
            )
            self._at_end.update(dict.fromkeys(fresh, False))


def read_topic(
    bootstrap: str,
    topic: str,
    *,
    config: Mapping[str, str | int | bool] | None = None,
    timeout: float = 30.0,
) -> list[Message]:
    """Return everything from the beginning to the current end, by partition and offset.

    Args:
        bootstrap: ``host:port`` of the broker.
        topic: its name. One that does not exist is empty.
        config: further settings of librdkafka, for example for TLS and SASL.
        timeout: seconds until it gives up.

    Raises:
        TimeoutError: the end was not reached in time.
    """
    deadline = time.monotonic() + timeout
    found: list[Message] = []
    with Reader(bootstrap, topic, config) as reader:
        while not reader.at_end:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}: {len(found)} messages, no end after {timeout} s")
            found += reader.poll(0.2)
    return sorted(found)


def wait_for(
    bootstrap: str,
    topic: str,
    predicate: Callable[[list[Message]], bool],
    timeout: float = 30.0,
    *,
    config: Mapping[str, str | int | bool] | None = None,
) -> list[Message]:
    """Follow a topic from its beginning until ``predicate`` holds for all messages so far.

    Returns:
        The messages, in the order of arrival here (within a partition: of offset).

    Raises:
        TimeoutError: it did not come true in time. The text shows the last messages.
    """
    deadline = time.monotonic() + timeout
    found: list[Message] = []
    with Reader(bootstrap, topic, config) as reader:
        while not predicate(found):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{topic}: not what was waited for within {timeout} s; "
                    f"{len(found)} messages, the last: {found[-3:]}"
                )
            found += reader.poll(0.1)
    return found


def _message(raw: Any) -> Message:
    return Message(
        partition=raw.partition(),
        offset=raw.offset(),
        key=raw.key(),
        value=raw.value(),
        headers=tuple(raw.headers() or ()),
        timestamp_ms=raw.timestamp()[1],
    )
