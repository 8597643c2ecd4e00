"""Where messages come from: embedded journals, or Kafka. One of them feeds one queue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dubhe_simulator.sources.base import Put, Source
from dubhe_simulator.sources.journal_source import JournalFollower

__all__ = ["Source", "open_source"]


def open_source(
    runs: Path | None,
    brokers: str | None,
    topics: tuple[str, str],
    positions: Mapping[str, str],
    put: Put,
    *,
    skip_history: bool = False,
) -> Source:
    """Return the source, which is not started yet.

    Args:
        runs: the folder below which journals lie; None to read only what is followed.
        brokers: Kafka's ``host:port[,host:port…]``; None for journals.
        topics: of status and of results.
        positions: where to read on, by source.
        put: takes the records.
        skip_history: begin at the end of a topic that has no position yet.
    """
    if brokers is None:
        return JournalFollower(runs, positions, put)
    # Only who has brokers needs the package.
    from dubhe_simulator.sources.kafka_source import KafkaFollower

    return KafkaFollower(brokers, topics, positions, put, skip_history=skip_history)
