"""Reads everything that is in the topics, as a plain consumer does, and keeps what is judged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from tests.kafka.reader import Message, Reader

FOREIGN_KEY = b"another program"  # of records that are not judged
KEYS = {"instance_id", "request_number", "date", "mes_type", "data"}


class Received(NamedTuple):
    """One record, without its padding."""

    topic: str
    partition: int
    offset: int
    appended_ms: int
    """When the broker appended it, if the topic is set to ``LogAppendTime``."""
    instance: str
    request_number: int
    action: str
    """READY, START or END; empty for a numbered message."""
    status: int
    text: str
    reporter: int
    n: int
    writer: str
    """The stream that it came from, as its header reports."""
    began: int
    """Monotonic nanoseconds when the reporter began to report it."""
    complete: bool = False
    """Whether the algorithm says by it that its task has come to its end."""


def parse(topic: str, message: Message) -> Received:
    """Take from a record what is judged.

    Raises:
        ValueError: it is none of the contract's messages.
    """
    value: Any = orjson.loads(message.value or b"null")
    if not isinstance(value, dict) or set(value) != KEYS:
        raise ValueError(
            f"{topic} {message.partition}@{message.offset}: no message: {value!r:.200}"
        )
    data = value["data"]
    if message.key != value["instance_id"].encode():
        raise ValueError(f"{topic} {message.partition}@{message.offset}: key {message.key!r}")
    return Received(
        topic,
        message.partition,
        message.offset,
        message.timestamp_ms,
        value["instance_id"],
        value["request_number"],
        data.get("action", ""),
        data.get("status", 0),
        data.get("msg", ""),
        data.get("reporter", 0),
        data.get("n", 0),
        (message.header("dubhe-writer") or b"").decode(),
        data.get("began", 0),
        data.get("complete", 0) == 1,
    )


def receive(bootstrap: str, topics: Iterable[str], timeout: float = 300.0) -> list[Received]:
    """Read topics from their beginnings to their ends; by topic, partition and offset.

    Args:
        bootstrap: ``host:port`` of the broker.
        topics: their names.
        timeout: seconds until it gives up.

    Raises:
        TimeoutError: the ends were not reached in time.
    """
    deadline = time.monotonic() + timeout
    found: list[Received] = []
    for topic in topics:
        with Reader(bootstrap, topic) as reader:
            while not reader.at_end:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{topic}: no end after {timeout:g} s")
                # Judged at once: what would be kept otherwise is gigabytes of padding.
                found += [
                    parse(topic, message)
                    for message in reader.poll(0.2)
                    if message.key != FOREIGN_KEY
                ]
    return sorted(found)


def dead_letter(entry: dict[str, object]) -> tuple[int, int]:
    """Return reporter and number of a line of ``dead-letters.jsonl``."""
    data = json.loads(str(entry["value"]))["data"]
    return data["reporter"], data["n"]
