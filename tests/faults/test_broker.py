"""The one broker stopped, killed, frozen; topics that are missing, partitions that are added."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.faults.container import Container, writer_command
from tests.faults.fault_setup import FaultSetup, FaultSetupFactory
from tests.faults.injector import create_topics
from tests.faults.plan import BEYOND_SHORT_SECONDS
from tests.faults.run import BROKER_PROPERTIES
from tests.faults.test_kills import goes_on
from tests.kafka.broker import Broker
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("java")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that these tests mistreat and leave running."""
    with Broker(tmp_path_factory.mktemp("mistreated"), BROKER_PROPERTIES) as one:
        yield one


def speaking(setup: FaultSetup) -> Container:
    container = setup.container(writer_command("--others", 2, "--pace", 0.005)).keep()
    goes_on(container, 100)
    return container


def wait_for_error(container: Container, words: str) -> None:
    """Wait until the sidecar shows in words what is wrong."""
    wait_for(
        lambda: words in (container.report.last_error or ""), lambda: f"{container.report}", 60
    )


def finished(setup: FaultSetup, container: Container) -> None:
    goes_on(container, 100)
    assert container.stop() == 0
    verdict = setup.verdict()
    assert verdict.good, f"\n{verdict}"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_broker_ended_and_started_again(
    how: str, broker: Broker, fault_setup: FaultSetupFactory
) -> None:
    setup = fault_setup(broker)
    container = speaking(setup)
    getattr(broker, how)()
    wait_for_error(container, "connection refused")
    goes_on(container, 100)  # the writers do not notice
    broker.start()
    wait_for(lambda: container.report.last_error is None, "delivery", 60)
    finished(setup, container)


def test_broker_frozen_for_longer_than_every_time_limit(
    broker: Broker, fault_setup: FaultSetupFactory
) -> None:
    setup = fault_setup(broker)
    container = speaking(setup)
    broker.freeze()
    try:
        wait_for_error(container, "no answer")
        time.sleep(BEYOND_SHORT_SECONDS[0])  # the freeze's length is what is tested
    finally:
        broker.thaw()
    finished(setup, container)


def test_sidecar_killed_while_the_broker_is_frozen(
    broker: Broker, fault_setup: FaultSetupFactory
) -> None:
    """What lies in the frozen broker's sockets arrives after its sender is dead."""
    setup = fault_setup(broker)
    container = speaking(setup)
    for _ in range(3):
        broker.freeze()
        try:
            goes_on(container, 60)
            container.kill("sidecar")
            goes_on(container, 60)
        finally:
            broker.thaw()
        wait_for(lambda: container.report.undelivered < 60, "delivery", 60)
    finished(setup, container)


def test_topics_missing_then_created(broker: Broker, fault_setup: FaultSetupFactory) -> None:
    setup = fault_setup(broker, create=False)
    container = speaking(setup)
    wait_for_error(container, "does not exist")
    create_topics(broker, setup.topics)
    finished(setup, container)


def test_partitions_added_under_load(broker: Broker, fault_setup: FaultSetupFactory) -> None:
    """An instance stays in its partition, also for a sidecar that is started later."""
    setup = fault_setup(broker)
    container = speaking(setup)
    for total in (2, 5):
        for topic in setup.topics:
            broker.add_partitions(topic, total)
        goes_on(container, 50)
        container.kill("sidecar")
    finished(setup, container)


def test_everything_killed_at_once_with_the_broker(
    broker: Broker, fault_setup: FaultSetupFactory
) -> None:
    setup = fault_setup(broker)
    container = speaking(setup)
    broker.kill()
    container.kill_everything()
    broker.start()
    finished(setup, container)


def test_what_a_full_spool_drops_is_counted_exactly(
    broker: Broker, fault_setup: FaultSetupFactory
) -> None:
    """Progress is dropped while the broker is away; sidecars that are killed miscount nothing."""
    setup = fault_setup(broker)
    bound = {"DUBHE_SPOOL_MAX_BYTES": str(256 * 1024)}
    options = ("--others", 2, "--pace", 0.002, "--sizes", 50, 400)
    broker.stop()
    try:
        container = setup.container(writer_command(*options), env=bound).start()
        wait_for(container.spool.is_dir, "the spool")
        wait_for(lambda: container.report.dropped > 100, "drops", 60)
        container.kill("sidecar")
    finally:
        broker.start()
    for _ in range(2):
        goes_on(container, 100)
        container.kill("sidecar")
    assert container.stop() == 0
    verdict = setup.verdict()
    assert verdict.good, f"\n{verdict}"
    assert 100 < verdict.dropped == verdict.reported - verdict.received
