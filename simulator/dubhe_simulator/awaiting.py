"""Waits for the END of a task that an instance elsewhere was given."""

from __future__ import annotations

import time
from pathlib import Path

from dubhe_simulator.contract.message import Message
from dubhe_simulator.sources import JournalSource, Source

POLL_S = 0.5


def open_source(
    journal: Path | None, brokers: str | None, topics: tuple[str, str], instance: str
) -> Source:
    """Return the messages that come from now on.

    Args:
        journal: an instance's folder, or its journal; used if it is given.
        brokers: Kafka's.
        topics: of status and of results.
        instance: whose messages are wanted.

    Raises:
        CannotPlay: no broker can be reached.
    """
    if journal is not None:
        inside = journal / "journal"
        source: Source = JournalSource(inside if inside.is_dir() else journal)
        source.drain()
        return source
    from dubhe_simulator.sources.kafka import KafkaSource

    assert brokers is not None
    return KafkaSource(brokers, topics, instance)


def wait_for_end(source: Source, instance: str, timeout: float) -> Message | None:
    """Return the next END of an instance; None if none comes in time.

    Raises:
        SourceBroken: messages cannot be read.
    """
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        for message in source.poll(min(POLL_S, left)):
            if message.action == "END" and message.instance_id == instance:
                return message
    return None
