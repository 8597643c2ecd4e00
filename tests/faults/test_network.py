"""A line to one broker that loses, delays, resets or swallows: nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sidecar.sinks.kafka.helpers import FAST
from tests.faults.numbered_delivery import PERFECT, Delivery
from tests.kafka.broker import Broker
from tests.network.lab import Lab
from tests.network.wire import Rule
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("java", "root")

BROKER, SIDECAR = "broker", "sidecar"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab([BROKER, SIDECAR]) as one:
        yield one


@pytest.fixture(scope="module")
def far(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker at the other end of the line; tests of this file share it."""
    host = lab[BROKER]
    directory = tmp_path_factory.mktemp("far") / "broker"
    with Broker(directory, host=host.address, prefix=host.prefix) as broker:
        yield broker


@pytest.fixture
def delivery(lab: Lab, far: Broker, topic_name: str, tmp_path: Path) -> Iterator[Delivery]:
    """Messages that are reported and delivered without end, over a sound line so far."""
    lab.heal()
    far.create_topic(topic_name)
    prefix = lab[SIDECAR].prefix
    with Delivery(tmp_path, far.bootstrap, topic_name, prefix=prefix) as one:
        one.wait_delivered()
        yield one


@pytest.mark.parametrize(
    "rule",
    [Rule(loss=0.1), Rule(delay_s=0.1, jitter_s=0.05), Rule(loss=0.05, delay_s=0.05, jitter_s=0.1)],
    ids=["loss", "delay", "loss and reordering"],
)
def test_a_bad_line(lab: Lab, far: Broker, delivery: Delivery, rule: Rule) -> None:
    lab.rule(BROKER, SIDECAR, rule)
    delivery.wait_delivered(500)
    lab.heal()
    assert delivery.finish(far.plain_bootstrap) == PERFECT


def test_connections_are_reset(lab: Lab, far: Broker, delivery: Delivery) -> None:
    for _ in range(5):
        lab.rule(BROKER, SIDECAR, Rule(reset=True))
        delivery.wait_reported(far.bootstrap)
        lab.heal()
        delivery.wait_delivered()
        delivery.wait_recovered()
    assert delivery.finish(far.plain_bootstrap) == PERFECT


def test_a_black_hole_longer_than_every_timeout(lab: Lab, far: Broker, delivery: Delivery) -> None:
    lab.rule(BROKER, SIDECAR, Rule(loss=1.0))
    delivery.wait_reported("no answer")
    published = delivery.status.retries
    wait_for(
        lambda: delivery.status.retries > published + 1, "vain attempts", 4 * FAST.stall_s + 30
    )
    lab.heal()
    delivery.wait_delivered()
    delivery.wait_recovered()
    assert delivery.finish(far.plain_bootstrap) == PERFECT
