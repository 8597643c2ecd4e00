"""The Kafka source against a real broker, with records written by librdkafka."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from dubhe_simulator.contract.message import Message
from dubhe_simulator.errors import CannotPlay
from dubhe_simulator.sources import SourceBroken
from dubhe_simulator.sources import kafka as kafka_source
from dubhe_simulator.sources.kafka import KafkaSource
from tests.dubhe_simulator.fake import wait_until
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory


@pytest.fixture
def sources() -> Iterator[list[KafkaSource]]:
    opened: list[KafkaSource] = []
    yield opened
    for source in opened:
        source.close()


def write(broker: Broker, topic: str, *numbers: int, instance: str = "i", **kwargs: Any) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number in numbers:
        value = {"instance_id": instance, "mes_type": 2, "data": {"n": number}}
        headers = [("dubhe-seq", str(number).encode())]
        producer.produce(topic, json.dumps(value), instance, headers=headers, **kwargs)
    assert producer.flush(20) == 0


def read(source: KafkaSource, count: int) -> list[Message]:
    found: list[Message] = []
    wait_until(lambda: found.extend(source.poll(0.1)) or len(found) >= count)
    return found + source.drain()


def numbers(messages: list[Message]) -> list[int]:
    return [message.data["n"] for message in messages]


def test_it_begins_where_the_topic_ended(
    kafka: Broker, topic: str, sources: list[KafkaSource]
) -> None:
    write(kafka, topic, 1, 2)
    sources.append(KafkaSource(kafka.bootstrap, [topic], "i"))
    write(kafka, topic, 3, 4)
    found = read(sources[0], 2)
    assert numbers(found) == [3, 4]
    assert found[0].headers == {"dubhe-seq": "3"}
    assert found[0].topic == topic


def test_other_instances_and_foreign_records_are_left_out(
    kafka: Broker, topic: str, sources: list[KafkaSource]
) -> None:
    sources.append(KafkaSource(kafka.bootstrap, [topic], "i"))
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for value in ("rubbish", "[1]", None):
        producer.produce(topic, value)
    assert producer.flush(20) == 0
    write(kafka, topic, 1, instance="another")
    write(kafka, topic, 2)
    assert numbers(read(sources[0], 1)) == [2]


def test_all_partitions_of_all_topics(
    kafka: Broker, topic_name: str, sources: list[KafkaSource]
) -> None:
    kafka.create_topic(topic_name, partitions=3)
    kafka.create_topic(topic_name + "-2")
    sources.append(KafkaSource(kafka.bootstrap, [topic_name, topic_name + "-2"], "i"))
    for partition in range(3):
        write(kafka, topic_name, partition, partition=partition)
    write(kafka, topic_name + "-2", 3)
    assert sorted(numbers(read(sources[0], 4))) == [0, 1, 2, 3]


def test_a_topic_that_appears_later_is_read_from_its_beginning(
    kafka: Broker, topic_name: str, sources: list[KafkaSource]
) -> None:
    sources.append(KafkaSource(kafka.bootstrap, [topic_name], "i"))
    assert sources[0].poll(0.1) == sources[0].drain() == []
    kafka.create_topic(topic_name)
    write(kafka, topic_name, 1)
    assert numbers(read(sources[0], 1)) == [1]


def test_drain_reaches_the_end(kafka: Broker, topic: str, sources: list[KafkaSource]) -> None:
    sources.append(KafkaSource(kafka.bootstrap, [topic], "i"))
    write(kafka, topic, *range(3000))
    assert numbers(sources[0].drain()) == list(range(3000))


def test_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_source, "BOOTSTRAP_TIMEOUT_MS", 500)
    with pytest.raises(CannotPlay, match=r"Kafka at 127\.0\.0\.1:1 cannot be used"):
        KafkaSource("127.0.0.1:1", ["t"], "i")


def test_a_broker_that_restarts_is_waited_for(
    make_broker: BrokerFactory, topic_name: str, sources: list[KafkaSource]
) -> None:
    broker = make_broker().start()
    broker.create_topic(topic_name)
    sources.append(KafkaSource(broker.bootstrap, [topic_name], "i"))
    write(broker, topic_name, 1)
    assert numbers(read(sources[0], 1)) == [1]
    broker.kill()
    found: list[Message] = []
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:  # longer than it looks for partitions
        found += sources[0].poll(0.2)
    broker.start()
    write(broker, topic_name, 2, 3)
    assert numbers(found + read(sources[0], 2)) == [2, 3]


def test_a_broker_that_stays_away_is_told(
    make_broker: BrokerFactory,
    topic_name: str,
    sources: list[KafkaSource],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_source, "OUTAGE_TIMEOUT_S", 1.0)
    broker = make_broker().start()
    broker.create_topic(topic_name)
    sources.append(KafkaSource(broker.bootstrap, [topic_name, "later"], "i"))
    broker.kill()
    with pytest.raises(SourceBroken, match="Kafka"):
        wait_until(lambda: sources[0].poll(0.1))
