"""Records that the broker refuses for themselves, and their neighbours."""

from __future__ import annotations

import dataclasses
import time

from confluent_kafka import Producer

from tests.dubhe_sidecar.sinks.kafka.helpers import (
    DATE_MS,
    FAST,
    Cursor,
    deliver,
    numbers,
    open_sink,
    record,
    until,
)
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import read_topic

SMALL = {"max.message.bytes": "20000"}


def test_too_large_for_the_broker(kafka: Broker, topic_name: str) -> None:
    kafka.create_topic(topic_name, config=SMALL)
    sink = open_sink(kafka.bootstrap, Cursor())
    big = {3, 4, 50, 199}
    outcomes = deliver(
        sink, [record(topic_name, n, b"x" * (30_000 if n in big else 100)) for n in range(200)]
    )
    assert [outcome.record.seq for outcome in outcomes] == list(range(200))
    rejected = {o.record.seq: o.rejected for o in outcomes if o.rejected}
    assert set(rejected) == big
    assert "MessageSizeTooLarge" in (rejected[3] or "")
    assert sink.outage is None
    outcomes = deliver(sink, [record(topic_name, n) for n in range(200, 2_000)])
    assert not any(outcome.rejected for outcome in outcomes)
    sink.close()
    expected = [n for n in range(2_000) if n not in big]
    assert numbers(read_topic(kafka.bootstrap, topic_name)) == expected


def test_a_batch_that_is_too_large_only_as_a_whole(kafka: Broker, topic_name: str) -> None:
    kafka.create_topic(topic_name, config=SMALL)
    sink = open_sink(kafka.bootstrap, Cursor())
    outcomes = deliver(sink, [record(topic_name, n, b"x" * 5_000) for n in range(200)])
    assert not any(outcome.rejected for outcome in outcomes)
    sink.close()
    assert numbers(read_topic(kafka.bootstrap, topic_name)) == list(range(200))


def test_sound_records_of_other_topics_are_not_blamed(kafka: Broker, topic: str) -> None:
    small = f"{topic}-small"
    kafka.create_topic(small, config=SMALL)
    sink = open_sink(kafka.bootstrap, Cursor())
    records = [
        record(small if n % 2 else topic, n, b"x" * (30_000 if n == 21 else 100)) for n in range(99)
    ]
    outcomes = deliver(sink, records)
    assert [outcome.record.seq for outcome in outcomes if outcome.rejected] == [21]
    sink.close()
    assert numbers(read_topic(kafka.bootstrap, topic)) == list(range(0, 99, 2))
    assert numbers(read_topic(kafka.bootstrap, small)) == [n for n in range(1, 99, 2) if n != 21]


def test_a_refusal_costs_no_time_limit(kafka: Broker, topic: str) -> None:
    """A line that has failed answers no questions about the other topic; nobody waits for one."""
    limits = dataclasses.replace(FAST, connect_timeout_s=15.0)
    small = f"{topic}-small"
    kafka.create_topic(small, config=SMALL)
    begun = time.monotonic()
    sink = open_sink(kafka.bootstrap, Cursor(), limits)
    big = {0, 1, 20, 40}
    records = [
        record(small if n in big else topic, n, b"x" * (30_000 if n in big else 100))
        for n in range(60)
    ]
    outcomes = deliver(sink, records)
    assert {outcome.record.seq for outcome in outcomes if outcome.rejected} == big
    assert time.monotonic() - begun < limits.connect_timeout_s
    sink.close()
    assert numbers(read_topic(kafka.bootstrap, topic)) == [n for n in range(60) if n not in big]


def test_too_large_for_any_broker(kafka: Broker, topic: str) -> None:
    sink = open_sink(kafka.bootstrap, Cursor(), dataclasses.replace(FAST, record_bytes_max=50_000))
    outcomes = deliver(sink, [record(topic, n, b"x" * (60_000 * (n == 1))) for n in range(3)])
    assert [bool(outcome.rejected) for outcome in outcomes] == [False, True, False]
    sink.close()
    assert numbers(read_topic(kafka.bootstrap, topic)) == [0, 2]


def test_a_clock_that_is_wrong_loses_nothing(kafka: Broker, topic_name: str) -> None:
    # A broker that accepts no date before its own now refuses what was on its way for a millisecond
    # or more. Some records are quicker, so several batches are sent.
    kafka.create_topic(topic_name, config={"message.timestamp.before.max.ms": "0"})
    sink = open_sink(kafka.bootstrap, Cursor())
    sent, dates = 0, set[int]()
    while -1 not in dates and sent < 900:
        outcomes = deliver(sink, [record(topic_name, n) for n in range(sent, sent + 9)])
        assert not any(outcome.rejected for outcome in outcomes)
        sent += 9
        messages = read_topic(kafka.bootstrap, topic_name)
        assert numbers(messages) == list(range(sent))
        dates = {message.timestamp_ms for message in messages}
    sink.close()
    assert -1 in dates


def test_what_was_said_long_ago_is_kept(make_broker: BrokerFactory, topic_name: str) -> None:
    """A backlog older than the topic's retention must not be deleted as it arrives."""
    checks = {"log.initial.task.delay.ms": "100", "log.retention.check.interval.ms": "200"}
    with make_broker(checks) as broker:
        old = f"{topic_name}-old"
        for name in (topic_name, old):
            broker.create_topic(name, config={"retention.ms": "3600000"})
        sink = open_sink(broker.bootstrap, Cursor())
        deliver(sink, [record(topic_name, n, date_ms=DATE_MS) for n in range(9)])
        sink.close()
        # One that is sent with the date at which it was reported, to see when the broker has
        # judged.
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        producer.produce(old, b"old", timestamp=DATE_MS)
        assert producer.flush(30) == 0
        until(lambda: read_topic(broker.bootstrap, old) == [])
        assert numbers(read_topic(broker.bootstrap, topic_name)) == list(range(9))


def test_a_topic_that_cannot_exist_holds_nothing_up(kafka: Broker, topic: str) -> None:
    # A stream of a run whose environment named it; today the service refuses to start with it.
    sink = open_sink(kafka.bootstrap, Cursor())
    outcomes = deliver(sink, [record("模型 结果" if n % 3 == 0 else topic, n) for n in range(30)])
    sink.close()
    assert [outcome.record.seq for outcome in outcomes] == list(range(30))
    rejected = {outcome.record.seq for outcome in outcomes if outcome.rejected}
    assert rejected == set(range(0, 30, 3))
    assert "is no name of a Kafka topic" in (outcomes[0].rejected or "")
    assert numbers(read_topic(kafka.bootstrap, topic)) == [n for n in range(30) if n % 3]
