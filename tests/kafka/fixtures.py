"""Fixtures around the test broker; the top-level ``conftest.py`` loads them for all tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.broker import Broker

BrokerFactory = Callable[..., Broker]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker that tests of one process share. It stays up: nobody stops or freezes it."""
    with Broker(tmp_path_factory.mktemp("kafka") / "shared") as broker:
        yield broker


@pytest.fixture
def topic_name(request: pytest.FixtureRequest) -> str:
    """A name for a topic that does not exist yet."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    return f"{name}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def topic(kafka: Broker, topic_name: str) -> str:
    """A fresh topic of one partition on the shared broker."""
    kafka.create_topic(topic_name)
    return topic_name


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[BrokerFactory]:
    """Make brokers of the test's own, which it may kill. Not started yet; ended afterwards.

    Takes the arguments of `Broker` but the directory.
    """
    made: list[Broker] = []

    def make(*args: Any, **kwargs: Any) -> Broker:
        made.append(Broker(tmp_path / f"kafka-{len(made) + 1}", *args, **kwargs))
        return made[-1]

    yield make
    for broker in made:
        broker.close()
