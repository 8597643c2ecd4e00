"""The harness itself: what other tests take for granted."""

from __future__ import annotations

import threading
import time

import pytest
from confluent_kafka import Producer
from kafka import KafkaProducer
from kafka.errors import KafkaError

from tests.kafka import jars
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import read_topic, wait_for
from tests.kafka.releases import KAFKA_2_8, OLD_FORMAT_TOPIC


def produce(broker: Broker, topic: str, *values: bytes, partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    errors: list[object] = []
    for value in values:
        producer.produce(
            topic,
            value,
            b"k",
            partition=partition,
            headers=[("h", value)],
            timestamp=1234,
            on_delivery=lambda error, message: errors.append(error),
        )
    assert producer.flush(20) == 0
    assert errors == [None] * len(values)  # flushed is not delivered: it may have been refused


def test_reads_what_was_written(kafka: Broker, topic: str) -> None:
    produce(kafka, topic, b"a", b"b")
    first, second = read_topic(kafka.bootstrap, topic)
    assert (first.partition, first.offset, first.key, first.value) == (0, 0, b"k", b"a")
    assert (first.headers, first.timestamp_ms) == ((("h", b"a"),), 1234)
    assert (second.offset, second.value, second.header("h")) == (1, b"b", b"b")


def test_a_topic_that_does_not_exist_is_empty(kafka: Broker, topic_name: str) -> None:
    assert read_topic(kafka.bootstrap, topic_name) == []
    assert topic_name not in kafka.admin().list_topics(timeout=10).topics


def test_follows_new_topics_and_partitions(kafka: Broker, topic_name: str) -> None:
    def later() -> None:
        kafka.create_topic(topic_name)
        produce(kafka, topic_name, b"a")
        kafka.add_partitions(topic_name, 3)
        produce(kafka, topic_name, b"b", partition=2)

    thread = threading.Thread(target=later)
    thread.start()
    found = wait_for(kafka.bootstrap, topic_name, lambda messages: len(messages) == 2)
    thread.join()
    assert {message.value for message in found} == {b"a", b"b"}  # in two partitions


def test_waits_no_longer_than_asked(kafka: Broker, topic: str) -> None:
    with pytest.raises(TimeoutError, match="0 messages"):
        wait_for(kafka.bootstrap, topic, bool, timeout=0.2)


def test_deletes_topics_and_records(kafka: Broker, topic: str) -> None:
    produce(kafka, topic, b"a", b"b", b"c")
    kafka.delete_records(topic, 0, 2)
    assert [message.value for message in read_topic(kafka.bootstrap, topic)] == [b"c"]
    kafka.delete_topic(topic)
    assert read_topic(kafka.bootstrap, topic) == []


def test_keeps_records_of_any_age(make_broker: BrokerFactory) -> None:
    looks_at_once = {"log.initial.task.delay.ms": "0", "log.retention.check.interval.ms": "50"}
    broker = make_broker(looks_at_once).start()
    broker.create_topic("kept")
    produce(broker, "kept", b"a")
    broker.create_topic("short", config={"retention.ms": "1"})
    produce(broker, "short", b"b")
    deadline = time.monotonic() + 20
    while read_topic(broker.bootstrap, "short"):  # until retention has been looked after
        assert time.monotonic() < deadline
    assert [message.value for message in read_topic(broker.bootstrap, "kept")] == [b"a"]


def test_survives_freeze_kill_and_stop(make_broker: BrokerFactory) -> None:
    broker = make_broker({"auto.create.topics.enable": "false"}).start()
    broker.create_topic("t", config={"max.message.bytes": "2000"})
    broker.alter_topic("t", {"max.message.bytes": "3000"})
    produce(broker, "t", b"a")
    broker.freeze()
    threading.Timer(0.3, broker.thaw).start()
    produce(broker, "t", b"b")
    where = broker.bootstrap
    broker.kill()
    broker.start()
    produce(broker, "t", b"c")
    broker.stop()
    broker.start()
    assert broker.bootstrap == where
    assert [m.value for m in read_topic(broker.plain_bootstrap, "t")] == [b"a", b"b", b"c"]


def test_keeps_messages_in_an_old_format(make_broker: BrokerFactory) -> None:
    broker = make_broker(release=KAFKA_2_8).start()
    broker.create_topic("t", config=OLD_FORMAT_TOPIC)
    errors: list[object] = []
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    producer.produce("t", b"a", on_delivery=lambda error, message: errors.append(error))
    producer.flush(20)
    assert errors == [None]
    # The only format that has no place for headers: the others would not have been refused.
    refused = KafkaProducer(bootstrap_servers=broker.bootstrap)
    with pytest.raises(KafkaError):
        refused.send("t", b"b", headers=[("h", b"b")]).get(20)
    refused.close()
    assert [message.value for message in read_topic(broker.bootstrap, "t")] == [b"a"]


def test_names_the_program_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(jars.HarnessError, match="'java' on PATH; it is absent"):
        jars.program("java")
