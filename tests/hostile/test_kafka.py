"""Some of the habits in platform mode, with a real broker: what a plain consumer receives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.hostile.case import Case
from tests.hostile.cases import ends, forks, logs, ranks, stops
from tests.hostile.run import app_of, observe, verify
from tests.kafka.broker import Broker
from tests.kafka.reader import Reader

NAMES = [
    "none",
    "none, evaluation",
    "a forked helper returns",
    "a thread reports after the task's end",
    "the process kills itself",
    "the constructor raises",
    "its own handler exits with 0",
    "nobody reads the console, and it is stopped",
    "ranks of a script",
]
CASES = {
    case.name: case
    for table in (logs.CASES, ends.CASES, forks.CASES, ranks.CASES, stops.CASES)
    for case in table
}


class Topics:
    """What lies in the two topics, read again and again by a plain consumer."""

    def __init__(self, bootstrap: str, status: str, result: str) -> None:
        self._readers = {name: Reader(bootstrap, name) for name in (status, result)}
        self._found: dict[str, list[dict[str, Any]]] = {name: [] for name in self._readers}
        self._status, self._result = status, result

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages of the status topic in order, results where their date puts them."""
        for name, reader in self._readers.items():
            records = reader.poll(0.02)
            while not reader.at_end:
                records += reader.poll(0.2)
            for record in records:
                assert record.value is not None
                self._found[name].append({"topic": name, "value": json.loads(record.value)})
        merged = list(self._found[self._status])
        for message in self._found[self._result]:
            later = (i for i, m in enumerate(merged) if date(m) >= date(message))
            merged.insert(next(later, len(merged)), message)
        return merged


def date(message: dict[str, Any]) -> int:
    return int(message["value"]["date"])


class KafkaApp(App):
    """An app whose messages are read from Kafka."""

    topics: Topics

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.topics.messages()


@pytest.mark.parametrize("name", NAMES)
def test_kafka(name: str, kafka: Broker, topic_name: str, tmp_path: Path) -> None:
    case: Case = CASES[name]
    status, result = f"status-{topic_name}", f"result-{topic_name}"
    kafka.create_topic(status)
    kafka.create_topic(result)
    topics = Topics(kafka.plain_bootstrap, status, result)
    env = {
        "PLATFORM_TYPE": "1",
        "BOOTSTRAP_SERVERS": kafka.bootstrap,
        "TOPIC_MODEL_STATUS": status,
        "TOPIC_MODEL_RESULT": result,
    }
    try:
        with app_of(case, case.protocols[0], tmp_path, KafkaApp, **env) as app:
            assert isinstance(app, KafkaApp)
            app.topics = topics
            verify(case, observe(case, app))
    finally:
        topics.close()
