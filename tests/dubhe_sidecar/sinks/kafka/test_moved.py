"""Brokers that move behind the same bootstrap server, and addresses that nobody can reach."""

from __future__ import annotations

import contextlib
import time

import pytest

from dubhe_sidecar.sinks.base import OutageCode, SinkError
from dubhe_sidecar.sinks.kafka import KafkaLimits
from tests.dubhe_sidecar.sinks.kafka.helpers import (
    FAST,
    Beside,
    Cursor,
    deliver,
    drain,
    numbers,
    open_sink,
    outage_text,
    record,
    until,
)
from tests.kafka.broker import HOST, Broker, free_ports
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import read_topic
from tests.network.silent import silent

pytestmark = pytest.mark.needs("java")


def moving(make_broker: BrokerFactory) -> Broker:
    """A broker whose listener BOOT announces the address of its listener CLIENT."""
    broker = make_broker(listeners={"BOOT": "PLAINTEXT"})
    broker.announce("BOOT", broker.bootstrap)
    return broker.start()


@pytest.mark.parametrize("there", ["refused", "silent"])
@pytest.mark.parametrize("when", ["in the middle", "while idle"])
def test_brokers_that_moved_are_found_within_seconds(
    make_broker: BrokerFactory, topic_name: str, there: str, when: str
) -> None:
    broker = moving(make_broker)
    broker.create_topic(topic_name)
    sink = open_sink(broker.at("BOOT"), Cursor(), KafkaLimits())  # the product's own times
    deliver(sink, [record(topic_name, 1)])
    if when == "in the middle":
        broker.stop()
        sink.send([record(topic_name, 2)])
    broker.stop()
    port = int(broker.bootstrap.rpartition(":")[2])
    broker.move()
    broker.start()
    with silent(HOST, port) if there == "silent" else contextlib.nullcontext():
        began = time.monotonic()
        if when == "while idle":
            sink.send([record(topic_name, 2)])
        drain(sink)
        took = time.monotonic() - began
    deliver(sink, [record(topic_name, 3)])
    sink.close()
    assert numbers(read_topic(broker.plain_bootstrap, topic_name)) == [1, 2, 3]
    print(f"moved, {there}, {when}: delivered {took:.1f} s after the brokers were back")
    assert took < 20  # without looking for them: 122


def test_another_cluster_is_noticed_though_nothing_was_sent_meanwhile(
    make_broker: BrokerFactory, topic_name: str
) -> None:
    """Nothing for the former cluster may go to the one that has its address now."""
    broker = make_broker().start()
    broker.create_topic(topic_name)
    sink = open_sink(broker.bootstrap, Cursor(), FAST)
    deliver(sink, [record(topic_name, 1)])
    broker.stop()
    other = make_broker(cluster_id="dubhe-other-cluster-00", ports_of=broker).start()
    other.create_topic(topic_name)

    def go_on() -> None:
        sink.send([record(topic_name, 2)])
        drain(sink)

    with pytest.raises(SinkError) as raised:
        Beside(go_on).join()
    assert raised.value.code is OutageCode.CLUSTER
    sink.close()
    assert read_topic(other.bootstrap, topic_name) == []


def test_an_announced_address_that_comes_to_life(
    make_broker: BrokerFactory, topic_name: str
) -> None:
    """Reported as announced, though the bootstrap server answers; then delivered."""
    broker = make_broker(listeners={"BOOT": "PLAINTEXT"})
    [port] = free_ports(1)
    broker.announce("BOOT", f"{HOST}:{port}")
    broker.start().create_topic(topic_name)
    sink = open_sink(broker.at("BOOT"), Cursor(), FAST)
    work = Beside(lambda: deliver(sink, [record(topic_name, 1)]))
    until(lambda: f"{HOST}:{port}: connection refused" in outage_text(sink))
    assert sink.outage is not None
    assert sink.outage.code is OutageCode.ADVERTISED
    broker.stop()
    settings = broker.directory / "server.properties"
    settings.write_text(settings.read_text().replace(f"{HOST}:{port}", broker.at("BOOT")))
    broker.start()
    work.join()
    assert sink.outage is None
    sink.close()
    assert numbers(read_topic(broker.plain_bootstrap, topic_name)) == [1]
