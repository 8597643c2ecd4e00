"""Three brokers, of which one or two are away: nothing lost, repeated or out of order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sidecar.sinks.kafka.recovery import tail
from tests.dubhe_sidecar.sinks.kafka.helpers import Cursor, make_sink, numbers, open_sink, record
from tests.faults.numbered_delivery import PERFECT, Delivery
from tests.kafka import reader
from tests.kafka.cluster import SIZE, Cluster
from tests.network.lab import Lab
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("java", "root")

SIDECAR = "sidecar"
NODES = range(1, SIZE + 1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster that all tests here share; each finds it whole."""
    with (
        Lab([*Cluster.HOSTS, SIDECAR]) as lab,
        Cluster(tmp_path_factory.mktemp("cluster"), lab) as one,
    ):
        yield one


@pytest.fixture
def topic(cluster: Cluster, topic_name: str) -> str:
    cluster.heal()
    cluster.create_topic(topic_name)
    return topic_name


@pytest.fixture
def delivery(cluster: Cluster, topic: str, tmp_path: Path) -> Iterator[Delivery]:
    """Messages that are reported and delivered without end; the sidecar is on a host of its own."""
    prefix = cluster.lab[SIDECAR].prefix
    with Delivery(tmp_path, cluster.bootstrap, topic, prefix=prefix) as one:
        one.wait_delivered()
        yield one


def others(node: int) -> list[int]:
    return [other for other in NODES if other != node]


def wait_new_leader(cluster: Cluster, topic: str, old: int) -> None:
    wait_for(lambda: cluster.leader(topic) in others(old), "another leader", 60)


def test_a_rolling_restart(cluster: Cluster, topic: str, delivery: Delivery) -> None:
    for node in NODES:
        cluster[node].stop()
        delivery.wait_delivered()  # two are left
        cluster.heal()
    assert delivery.finish(cluster.bootstrap) == PERFECT


def test_the_leader_is_killed(cluster: Cluster, topic: str, delivery: Delivery) -> None:
    for _ in range(2):  # the second time it has led for a moment only
        leader = cluster.leader(topic)
        cluster[leader].kill()
        wait_new_leader(cluster, topic, leader)
        delivery.wait_delivered()
        cluster.heal()
    assert delivery.finish(cluster.bootstrap) == PERFECT


def test_the_leader_is_frozen(cluster: Cluster, topic: str, delivery: Delivery) -> None:
    """It comes back as one who believes that it leads, with requests of ours in its sockets."""
    leader = cluster.leader(topic)
    cluster[leader].freeze()
    wait_new_leader(cluster, topic, leader)
    delivery.wait_delivered()
    cluster[leader].thaw()
    delivery.wait_delivered()
    cluster.heal()
    assert delivery.finish(cluster.bootstrap) == PERFECT


def test_the_controller_is_lost(cluster: Cluster, topic: str, delivery: Delivery) -> None:
    controller = cluster.controller()
    assert controller is not None
    cluster[controller].kill()
    wait_for(lambda: cluster.controller() not in (None, controller), "another controller", 60)
    delivery.wait_delivered()
    cluster.heal()
    assert delivery.finish(cluster.bootstrap) == PERFECT


@pytest.mark.parametrize("seen", [False, True], ids=["out of sight", "within sight"])
def test_a_minority_is_parted(cluster: Cluster, topic: str, delivery: Delivery, seen: bool) -> None:
    """The leader is cut off from the others; within sight, the sidecar still reaches it."""
    leader = cluster.leader(topic)
    rest = [cluster.host(node) for node in others(leader)]
    cluster.lab.part([cluster.host(leader)], rest if seen else [*rest, SIDECAR])
    wait_new_leader(cluster, topic, leader)
    delivery.wait_delivered()
    cluster.heal()
    assert delivery.finish(cluster.bootstrap) == PERFECT


def test_a_majority_is_parted(cluster: Cluster, topic: str, delivery: Delivery) -> None:
    """The sidecar sees one broker, and that one no other: nothing can be acknowledged."""
    leader = cluster.leader(topic)
    rest = [cluster.host(node) for node in others(leader)]
    cluster.lab.part([cluster.host(leader), SIDECAR], rest)
    delivery.wait_reported("no answer")
    wait_new_leader(cluster, topic, leader)  # of which the sidecar cannot know
    before = delivery.status.delivered
    reported = delivery.reported
    wait_for(
        lambda: delivery.reported > reported + 500, "more messages"
    )  # the writer does not wait
    assert delivery.status.delivered == before
    assert delivery.status.sidecar == "running"
    cluster.heal()
    assert delivery.finish(cluster.bootstrap) == PERFECT


def test_too_few_replicas_are_up(cluster: Cluster, topic: str, delivery: Delivery) -> None:
    """The leader answers, and refuses: fewer replicas than min.insync.replicas have it."""
    leader = cluster.leader(topic)
    cluster[leader].alter_topic(topic, {"min.insync.replicas": str(SIZE)})
    cluster[others(leader)[0]].kill()
    delivery.wait_reported("too few replicas")
    cluster.heal()
    delivery.wait_delivered()
    delivery.wait_recovered()
    assert delivery.finish(cluster.bootstrap) == PERFECT


def test_nobody_is_up(cluster: Cluster, topic: str, delivery: Delivery) -> None:
    for node in NODES:
        cluster[node].kill()
    delivery.wait_reported("connection refused")
    cluster.heal()
    delivery.wait_delivered()
    assert delivery.finish(cluster.bootstrap) == PERFECT


def test_the_leader_moves_while_a_tail_is_read(
    cluster: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, cursor = 20, Cursor()
    sink = open_sink(cluster.bootstrap, cursor)
    for number in range(count):
        sink.send([record(topic, number, b"x" * 200_000)])
    reader.wait_for(cluster.bootstrap, topic, lambda found: len(numbers(found)) == count)
    sink.close()  # its outcomes are not in the cursor
    monkeypatch.setattr(tail, "FETCH_BYTES", 1000)  # a batch at a time
    stopped: list[int] = []
    fetches = 0

    def move() -> None:
        nonlocal fetches
        fetches += 1
        if fetches == 3:
            stopped.append(cluster.leader(topic))
            cluster[stopped[0]].stop()

    sink = make_sink(cluster.bootstrap)
    sink.connect()
    sink.on_wait = move
    sink.open(cursor.state, undelivered=True, save=cursor.save)
    sink.on_wait = lambda: None
    assert stopped
    assert cluster.leader(topic) not in stopped
    assert sink.delivered == {"writer-1": frozenset(range(count))}
    sink.close()
