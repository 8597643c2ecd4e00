"""Fixtures for the tests of faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.faults.fault_setup import FaultSetup, FaultSetupFactory
from tests.faults.injector import create_topics
from tests.kafka.broker import Broker


@pytest.fixture
def fault_setup(tmp_path: Path, topic_name: str) -> Iterator[FaultSetupFactory]:
    """Set a scene on a broker, with topics that exist unless given otherwise."""
    setups: list[FaultSetup] = []

    def make(broker: Broker, *, create: bool = True, partitions: int = 1) -> FaultSetup:
        topics = (f"status-{topic_name}", f"result-{topic_name}")
        if create:
            create_topics(broker, topics, partitions)
        setups.append(FaultSetup(tmp_path, broker, topics))
        return setups[-1]

    yield make
    for setup in setups:
        setup.close()


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[SidecarHarness]:
    """A spool on the disk under test, with the journal and the log on a sound one."""
    (tmp_path / "place").mkdir()
    one = SidecarHarness(tmp_path / "place")
    yield one
    one.close()
