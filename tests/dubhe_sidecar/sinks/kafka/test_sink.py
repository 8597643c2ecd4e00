"""Order, outcomes and bounds, on a broker that is well."""

from __future__ import annotations

import dataclasses
import time

import pytest

from dubhe_sidecar.sinks.base import Sink, SinkError
from tests.dubhe_sidecar.helpers import each
from tests.dubhe_sidecar.sinks.kafka.helpers import (
    FAST,
    KEY,
    Beside,
    Cursor,
    deliver,
    drain,
    make_sink,
    numbers,
    open_sink,
    record,
    until,
)
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic


def test_delivers_exactly_what_it_got(kafka: Broker, topic: str) -> None:
    sink: Sink = open_sink(kafka.bootstrap, Cursor())
    one = record(topic, 7, b'{"a": 1}', headers=(("dubhe-batch", b"9"),))
    sink.send([one])
    [outcome] = drain(sink)  # type: ignore[arg-type]
    assert (outcome.record, outcome.rejected) == (one, None)
    sink.close()
    [message] = read_topic(kafka.bootstrap, topic)
    assert (message.key, message.value) == (KEY, b'{"a": 1}')
    # The date at which it was sent: by an old one the broker would delete it as expired.
    assert abs(message.timestamp_ms - time.time() * 1000) < 60_000
    assert message.headers == (
        ("dubhe-writer", b"writer-1"),
        ("dubhe-seq", b"7"),
        ("dubhe-batch", b"9"),
    )


def test_keeps_the_order_of_many(kafka: Broker, topic: str) -> None:
    sink = open_sink(kafka.bootstrap, Cursor())
    outcomes = []
    for seq in range(1, 30_001):
        sink.send([record(topic, seq)])
        if seq % 500 == 0:
            outcomes += each(sink.collect(0))
    outcomes += drain(sink)
    assert [outcome.record.seq for outcome in outcomes] == list(range(1, 30_001))
    assert all(outcome.rejected is None for outcome in outcomes)
    assert numbers(read_topic(kafka.bootstrap, topic)) == list(range(1, 30_001))
    assert sink.outage is None
    assert sink.retries == 0
    sink.close()


def test_outcomes_of_two_topics_come_in_the_order_of_sending(kafka: Broker, topic: str) -> None:
    kafka.create_topic(f"{topic}-2")
    sink = open_sink(kafka.bootstrap, Cursor())
    outcomes = deliver(sink, [record(f"{topic}-2" if n % 3 else topic, n) for n in range(300)])
    assert [outcome.record.seq for outcome in outcomes] == list(range(300))
    sink.close()


def test_nothing_in_flight_is_told_at_once(kafka: Broker) -> None:
    sink = open_sink(kafka.bootstrap, Cursor())
    assert list(sink.collect(30)) == []
    sink.close()


@pytest.mark.parametrize("bound", [{"in_flight_records": 10}, {"in_flight_bytes": 8_000}])
def test_memory_is_bounded(make_broker, topic_name: str, bound: dict[str, int]) -> None:
    with make_broker() as broker:
        broker.create_topic(topic_name)
        sink = open_sink(broker.bootstrap, Cursor(), dataclasses.replace(FAST, **bound))
        deliver(sink, [record(topic_name, 1)])
        broker.freeze()
        for seq in range(2, 12):
            sink.send([record(topic_name, seq, b"x" * 250)])
        work = Beside(lambda: sink.send([record(topic_name, 12, b"x" * 250)]))
        until(lambda: sink.outage is not None)  # reported while `send` waits
        assert sink.in_flight == 10
        broker.thaw()
        work.join()
        drain(sink)
        sink.close()


def test_saves_where_to_search_before_anything_is_sent(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    deliver(sink, [record(topic, 1), record(topic, 2)])
    assert cursor.saves == 1
    assert cursor.state is not None
    [producer_id] = cursor.state["producer_ids"]
    assert isinstance(producer_id, int)
    assert cursor.state == {
        "topics": {topic: {"partitions": 1, "keys": [KEY.decode()], "offsets": {"0": 0}}},
        "producer_ids": [producer_id],
    }
    assert sink.state()["topics"][topic]["offsets"] == {"0": 2}
    sink.close()
    with pytest.raises(ZeroDivisionError):  # what cannot be saved must not be sent

        def fail(_: object) -> None:
            raise ZeroDivisionError

        sink = make_sink(kafka.bootstrap)
        sink.connect()
        sink.open(None, undelivered=False, save=fail)
        sink.send([record(topic, 3)])
    sink.close()
    assert numbers(read_topic(kafka.bootstrap, topic)) == [1, 2]


def test_an_error_that_is_not_explained_ends_the_process(
    kafka: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = open_sink(kafka.bootstrap, Cursor())
    deliver(sink, [record(topic, 1)])
    monkeypatch.setattr("dubhe_sidecar.sinks.kafka.errors.RECORD", ())
    monkeypatch.setattr("dubhe_sidecar.sinks.kafka.errors.REFUSED", ())
    with pytest.raises(SinkError, match="MessageSizeTooLarge"):
        deliver(sink, [record(topic, 2, b"x" * 2_000_000)])
    sink.close()


def test_another_producer_id_within_a_session_ends_the_process(kafka: Broker, topic: str) -> None:
    sink = open_sink(kafka.bootstrap, Cursor())
    deliver(sink, [record(topic, 1)])
    assert sink._sessions.current is not None
    transactions = sink._sessions.current._producer._transaction_manager
    other = type(transactions.producer_id_and_epoch)(2**40, 0)
    transactions.set_producer_id_and_epoch(other)
    with pytest.raises(SinkError, match="another producer id"):
        deliver(sink, [record(topic, 2)])
    sink.close()
    assert numbers(read_topic(kafka.bootstrap, topic)) == [1]


def test_a_broken_state_is_named() -> None:
    with pytest.raises(SinkError, match="saved state of the Kafka sink"):
        make_sink("127.0.0.1:1").open({"topics": {"t": {}}}, undelivered=True, save=print)
