"""Fixtures for the tests of faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sidecar.helpers import Place
from tests.faults.injector import create_topics
from tests.faults.scene import Scene, Staging
from tests.kafka.broker import Broker


@pytest.fixture
def stage(tmp_path: Path, topic_name: str) -> Iterator[Staging]:
    """Set a scene on a broker, with topics that exist unless told otherwise."""
    scenes: list[Scene] = []

    def make(broker: Broker, *, create: bool = True, partitions: int = 1) -> Scene:
        topics = (f"status-{topic_name}", f"result-{topic_name}")
        if create:
            create_topics(broker, topics, partitions)
        scenes.append(Scene(tmp_path, broker, topics))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A spool on the disk under test, with the journal and the log on a sound one."""
    (tmp_path / "place").mkdir()
    one = Place(tmp_path / "place")
    yield one
    one.close()
