"""The Kafka source against a real broker, with records written by librdkafka."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka import KafkaConsumer
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch

from dubhe_simulator.sources import kafka_source
from dubhe_simulator.sources.kafka_source import KafkaFollower
from tests.dubhe_simulator.fake import wait_until
from tests.dubhe_simulator.sources.feed import Feed
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory

TIMEOUT_S = 30.0


class Follow(Feed):
    """A source that runs, and what it handed over."""

    def __init__(self, brokers: str, *topics: str, **more: Any) -> None:
        super().__init__()
        positions = more.pop("positions", {})
        self.source = KafkaFollower(brokers, topics, positions, self.put, **more)
        self.source.start()

    @property
    def numbers(self) -> list[int]:
        return [json.loads(record.value)["n"] for record in self.records]


@pytest.fixture
def opened() -> Iterator[list[Follow]]:
    found: list[Follow] = []
    yield found
    for follow in found:
        follow.source.close()


def write(broker: Broker, topic: str, *numbers: int, **kwargs: Any) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number in numbers:
        headers = [("dubhe-seq", str(number).encode())]
        producer.produce(topic, json.dumps({"n": number}), "i", headers=headers, **kwargs)
    assert producer.flush(20) == 0


def test_everything_is_read_and_positions_go_on(
    kafka: Broker, topic: str, opened: list[Follow]
) -> None:
    write(kafka, topic, 1, 2)
    opened.append(first := Follow(kafka.bootstrap, topic))
    assert first.source.wait_until_connected(TIMEOUT_S)
    assert first.source.catch_up(TIMEOUT_S)
    assert first.numbers == [1, 2]
    assert (first.records[0].instance, first.records[0].headers) == ("i", {"dubhe-seq": "1"})
    positions = first.positions  # before the first, which goes on, reads the next one too
    write(kafka, topic, 3)
    opened.append(second := Follow(kafka.bootstrap, topic, positions=positions))
    assert second.source.catch_up(TIMEOUT_S)
    assert second.numbers == [3]


def test_a_topic_that_a_look_missed_is_caught_up_with(
    kafka: Broker, topic: str, opened: list[Follow], monkeypatch: pytest.MonkeyPatch
) -> None:
    # kafka-python answers so if a metadata request for other topics was under way.
    look, looks = KafkaConsumer.partitions_for_topic, []

    def miss_the_first(consumer: KafkaConsumer, name: str) -> set[int]:
        looks.append(name)
        found: set[int] = look(consumer, name)
        return set() if len(looks) <= 2 else found

    monkeypatch.setattr(KafkaConsumer, "partitions_for_topic", miss_the_first)
    write(kafka, topic, 1)
    opened.append(follow := Follow(kafka.bootstrap, topic))
    assert follow.source.catch_up(TIMEOUT_S)
    assert follow.numbers == [1]


def test_a_record_that_the_client_cannot_read_stops_nothing(
    kafka: Broker, topic_name: str, opened: list[Follow], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = DefaultRecordBatch._read_msg

    def refuse_the_third(batch: DefaultRecordBatch) -> Any:
        record = read(batch)
        if record.value == b'{"n": 3}':
            raise CorruptRecordError("Found invalid record structure")
        return record

    monkeypatch.setattr(DefaultRecordBatch, "_read_msg", refuse_the_third)
    kafka.create_topic(topic_name, partitions=2)
    opened.append(follow := Follow(kafka.bootstrap, topic_name))
    for number in (1, 2, 3, 4, 5):
        write(kafka, topic_name, number, partition=number % 2)
    assert follow.source.catch_up(TIMEOUT_S)
    [unreadable] = [record for record in follow.records if record.malformed]
    assert (unreadable.partition, unreadable.offset) == (1, 1)
    assert "Found invalid record structure" in (unreadable.malformed or "")
    found = [json.loads(record.value)["n"] for record in follow.records if not record.malformed]
    assert sorted(found) == [1, 2, 4, 5]
    assert follow.source.error is None


def test_a_value_that_is_not_utf_8_stops_nothing(
    kafka: Broker, topic: str, opened: list[Follow]
) -> None:
    write(kafka, topic, 1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(topic, b"\xff", "i")
    assert producer.flush(20) == 0
    write(kafka, topic, 2)
    opened.append(follow := Follow(kafka.bootstrap, topic))
    assert follow.source.catch_up(TIMEOUT_S)
    assert [record.value for record in follow.records if record.malformed] == [r"\xff"]
    found = [json.loads(record.value)["n"] for record in follow.records if not record.malformed]
    assert sorted(found) == [1, 2]
    assert follow.source.error is None


def test_history_can_be_skipped(kafka: Broker, topic: str, opened: list[Follow]) -> None:
    write(kafka, topic, 1, 2)
    opened.append(follow := Follow(kafka.bootstrap, topic, skip_history=True))
    assert follow.source.wait_until_connected(TIMEOUT_S)
    write(kafka, topic, 3, 4)
    assert follow.source.catch_up(TIMEOUT_S)
    assert follow.numbers == [3, 4]


def test_a_stored_position_is_no_history(kafka: Broker, topic: str, opened: list[Follow]) -> None:
    write(kafka, topic, 1, 2)
    positions = {f"kafka {kafka.bootstrap} {topic}/0": "1"}
    follow = Follow(kafka.bootstrap, topic, skip_history=True, positions=positions)
    opened.append(follow)
    assert follow.source.catch_up(TIMEOUT_S)
    assert follow.numbers == [2]


def test_all_partitions_of_all_topics(kafka: Broker, topic_name: str, opened: list[Follow]) -> None:
    kafka.create_topic(topic_name, partitions=3)
    kafka.create_topic(topic_name + "-2")
    opened.append(follow := Follow(kafka.bootstrap, topic_name, topic_name + "-2"))
    for partition in range(3):
        write(kafka, topic_name, partition, partition=partition)
    write(kafka, topic_name + "-2", 3)
    assert follow.source.catch_up(TIMEOUT_S)
    assert sorted(follow.numbers) == [0, 1, 2, 3]


def test_a_topic_that_appears_later_is_read_from_its_beginning(
    kafka: Broker, topic_name: str, opened: list[Follow]
) -> None:
    opened.append(follow := Follow(kafka.bootstrap, topic_name, skip_history=True))
    assert follow.source.wait_until_connected(TIMEOUT_S)
    assert follow.source.catch_up(TIMEOUT_S)
    assert follow.numbers == []
    kafka.create_topic(topic_name)
    write(kafka, topic_name, 1)
    wait_until(lambda: follow.numbers == [1])


def test_catching_up_reaches_the_end(kafka: Broker, topic: str, opened: list[Follow]) -> None:
    opened.append(follow := Follow(kafka.bootstrap, topic))
    write(kafka, topic, *range(3000))
    assert follow.source.catch_up(TIMEOUT_S)
    assert follow.numbers == list(range(3000))


def test_no_broker(opened: list[Follow]) -> None:
    opened.append(follow := Follow("127.0.0.1:1", "t"))
    wait_until(lambda: follow.source.error)
    assert "127.0.0.1:1: Connection refused" in (follow.source.error or "")
    assert not follow.source.wait_until_connected(0)
    assert not follow.source.catch_up(0.1)


def test_a_broker_that_restarts_is_waited_for(
    make_broker: BrokerFactory, topic_name: str, opened: list[Follow]
) -> None:
    broker = make_broker().start()
    broker.create_topic(topic_name)
    opened.append(follow := Follow(broker.bootstrap, topic_name, "later"))
    write(broker, topic_name, 1)
    wait_until(lambda: follow.numbers == [1])
    broker.kill()
    wait_until(lambda: follow.source.outage_s > 1.0)
    assert follow.source.error
    broker.start()
    write(broker, topic_name, 2, 3)
    wait_until(lambda: follow.numbers == [1, 2, 3])
    wait_until(lambda: follow.source.error is None)
    assert follow.source.outage_s == 0


def test_attempts_for_hours_keep_no_descriptors(
    monkeypatch: pytest.MonkeyPatch, opened: list[Follow]
) -> None:
    """Something accepts connections and answers nothing: a frozen broker, or none at all."""
    descriptors: list[int] = []

    class Counted(KafkaConsumer):  # type: ignore[misc]
        def __init__(self, **config: Any) -> None:
            descriptors.append(len(os.listdir("/proc/self/fd")))
            super().__init__(**config)

    monkeypatch.setattr(kafka_source, "KafkaConsumer", Counted)
    monkeypatch.setattr(kafka_source, "BOOTSTRAP_TIMEOUT_MS", 200)
    monkeypatch.setattr(kafka_source, "RETRY_S", 0.05)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as mute:
        opened.append(Follow(f"127.0.0.1:{mute.getsockname()[1]}", "t"))
        wait_until(lambda: len(descriptors) == 8, TIMEOUT_S)
    assert descriptors[7] < descriptors[1] + 6, descriptors
