"""Processes killed by SIGKILL, each kind by name; sidecars that are frozen."""

from __future__ import annotations

import time

import pytest

from tests.faults import report_counter
from tests.faults.consumer import receive
from tests.faults.container import Container, writer_command
from tests.faults.fault_setup import FaultSetup, FaultSetupFactory
from tests.faults.plan import BEYOND_SHORT_SECONDS, EVERYTHING
from tests.faults.requests import Requests
from tests.kafka.broker import Broker
from tests.support.waiting import wait_for

MIB = 1024 * 1024


def reported(container: Container) -> int:
    return sum(one.returned for one in report_counter.read_all(container.counters).values())


def goes_on(container: Container, messages: int = 30) -> None:
    """Wait until so many more messages were reported."""
    least = reported(container) + messages
    wait_for(lambda: reported(container) >= least, f"{messages} messages in {container.name}", 60)


def judged(setup: FaultSetup) -> None:
    verdict = setup.verdict()
    assert verdict.good, f"\n{verdict}"


def test_writers_killed_forked_and_spawned_ones_and_the_first(
    kafka: Broker, fault_setup: FaultSetupFactory
) -> None:
    setup = fault_setup(kafka)
    container = setup.container(writer_command("--others", 4, "--pace", 0.005)).keep()
    for which in (1, 2, 3, 4):
        goes_on(container)
        container.kill("writer", which=which)
    assert container.starts == 1
    goes_on(container)
    container.kill("writer", which=0)
    wait_for(lambda: container.starts == 2, "another start: the first one's death ends it", 60)
    goes_on(container)
    container.stop()
    judged(setup)


def test_writers_killed_in_the_middle_of_messages_of_megabytes(
    kafka: Broker, fault_setup: FaultSetupFactory
) -> None:
    setup = fault_setup(kafka)
    sizes = ("--sizes", 2 * MIB, 3 * MIB)
    container = setup.container(writer_command("--others", 2, "--pace", 0.5, *sizes)).keep()
    for _ in range(6):
        container.kill_in_large()
        goes_on(container, 2)
    container.stop()
    verdict = setup.verdict()
    assert verdict.good, f"\n{verdict}"
    assert verdict.in_doubt > 0


ENDS = {
    "web": {200},
    "rank": {200},
    "model": {200, 300},
    "service": {200, 300},
    "launch": {200, 300},
    EVERYTHING: {200, 300},
}


@pytest.mark.parametrize("role", ENDS)
def test_killed_within_a_training(role: str, kafka: Broker, fault_setup: FaultSetupFactory) -> None:
    """The training that was hit gets its one END, and the next one comes to a good end."""
    setup = fault_setup(kafka)
    protocol = "http" if role in ("web", "launch") else "tcp"
    container = setup.container(protocol=protocol).keep()
    with Requests(container, 100, 0.01) as requests:
        goes_on(container, 20)
        wait_for(lambda: container.pids("rank"), "a training", 60)
        if role == EVERYTHING:
            container.kill_everything()
        else:
            container.kill(role)
        accepted = requests.accepted
        wait_for(lambda: requests.accepted >= accepted + 2, "two more trainings", 60)
    container.stop()
    judged(setup)
    records = receive(kafka.plain_bootstrap, [setup.topics[0]])
    ends = [record for record in records if record.action == "END"]
    assert {end.status for end in ends[:-1]} == ENDS[role]
    assert sum("the service process was killed" in end.text for end in ends) == (
        role in ("service", EVERYTHING)
    )


def test_sidecar_frozen_for_longer_than_its_time_limits(
    kafka: Broker, fault_setup: FaultSetupFactory
) -> None:
    setup = fault_setup(kafka)
    container = setup.container(writer_command("--others", 1, "--pace", 0.005)).keep()
    goes_on(container)
    with container.frozen("sidecar"):
        time.sleep(BEYOND_SHORT_SECONDS[0])  # the freeze's length is what is tested
    goes_on(container)
    container.stop()
    judged(setup)
