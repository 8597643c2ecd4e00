"""Brokers that are stopped, killed or frozen; wrong host names; missing topics."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from dubhe_sdk.spool.destination import KAFKA, Destination
from dubhe_sidecar.sinks.base import SinkError
from dubhe_sidecar.sinks.kafka import KafkaSink
from dubhe_sidecar.status import read_live
from tests.dubhe_sidecar.helpers import SidecarHarness, each
from tests.dubhe_sidecar.short_timeouts import COMMAND, ENV
from tests.dubhe_sidecar.sinks.kafka.helpers import (
    FAST,
    Beside,
    Cursor,
    deliver,
    deliver_in_the_end,
    drain,
    make_sink,
    numbers,
    open_sink,
    outage_text,
    record,
    until,
)
from tests.kafka.broker import CLUSTER_ID, Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import read_topic, wait_for

COUNT = 400


def last_error(harness: SidecarHarness) -> str:
    return read_live(harness.spool).get("last_error") or ""


def opening(sink: KafkaSink) -> Beside:
    def connect_and_open() -> None:
        sink.connect()
        sink.open(None, undelivered=False, save=lambda _: None)

    return Beside(connect_and_open)


def test_absent_at_start(make_broker: BrokerFactory, caplog: pytest.LogCaptureFixture) -> None:
    broker = make_broker()
    sink = make_sink(f" {broker.bootstrap} , {broker.bootstrap} ")
    with caplog.at_level(logging.WARNING, "dubhe_sidecar"):
        work = opening(sink)
        until(lambda: "connection refused" in outage_text(sink))
        assert broker.bootstrap in outage_text(sink)
        until(lambda: sink.retries >= 2)
    assert caplog.text.count("not delivering") == 1  # one line per reason, not per attempt
    broker.start()
    work.join()
    assert sink.outage is None
    broker.create_topic("t")
    deliver(sink, [record("t", 1)])
    sink.close()
    assert numbers(read_topic(broker.bootstrap, "t")) == [1]


@pytest.mark.slow
def test_a_host_name_that_cannot_be_resolved(harness: SidecarHarness) -> None:
    harness.start(env={"BOOTSTRAP_SERVERS": "no-such-host.invalid:9092", **ENV}, command=COMMAND)
    until(lambda: "no-such-host.invalid:9092: the name cannot be resolved" in last_error(harness))
    assert read_live(harness.spool)["last_error_code"] == "name"


def test_frozen_at_start(make_broker: BrokerFactory) -> None:
    with make_broker() as broker:
        broker.freeze()
        sink = make_sink(broker.bootstrap)
        work = opening(sink)
        until(lambda: "no answer" in outage_text(sink))
        broker.thaw()
        work.join()
        sink.close()


def test_not_a_listener_for_clients(make_broker: BrokerFactory, harness: SidecarHarness) -> None:
    with make_broker() as broker:
        harness.start(env={"BOOTSTRAP_SERVERS": broker.controller, **ENV}, command=COMMAND)
        until(lambda: "not a Kafka broker's client listener" in last_error(harness))
        assert read_live(harness.spool)["last_error_code"] == "protocol"


@pytest.mark.parametrize("same_session", [True, False], ids=["same producer", "replaced producer"])
@pytest.mark.parametrize("mishap", ["kill", "freeze"])
def test_unavailable_in_the_middle(
    make_broker: BrokerFactory, topic_name: str, mishap: str, same_session: bool
) -> None:
    """The outage outlasts the request timeout and, for a new session, the stall limit."""
    limits = dataclasses.replace(FAST, request_timeout_s=1.0, stall_s=30.0 if same_session else 2.0)
    with make_broker() as broker:
        broker.create_topic(topic_name)
        sink = open_sink(broker.bootstrap, Cursor(), limits)
        deliver(sink, [record(topic_name, n) for n in range(COUNT)])
        getattr(broker, mishap)()

        def go_on() -> None:
            for n in range(COUNT, 2 * COUNT):
                sink.send([record(topic_name, n)])
            outcomes = drain(sink)
            assert [outcome.record.seq for outcome in outcomes] == list(range(COUNT, 2 * COUNT))
            assert not any(outcome.rejected for outcome in outcomes)

        work = Beside(go_on)
        until(lambda: bool(sink.outage))
        if same_session:
            until(lambda: "for 2 s" in outage_text(sink))
        else:
            until(lambda: sink.retries > 0)
        if mishap == "kill":
            broker.start()
        else:
            broker.thaw()
        work.join()
        assert sink.outage is None
        sink.close()
        assert numbers(read_topic(broker.bootstrap, topic_name)) == list(range(2 * COUNT))


def test_killed_under_load(make_broker: BrokerFactory, topic_name: str) -> None:
    """Nothing lost, nothing twice, in order, with the broker dying in the middle of a batch."""
    with make_broker() as broker:
        broker.create_topic(topic_name)
        sink = open_sink(broker.bootstrap, Cursor())
        total = 30_000
        seen: list[int] = []

        def load() -> None:
            for n in range(total):
                sink.send([record(topic_name, n, b"x" * 250)])
                if n % 100 == 0:
                    seen.extend(outcome.record.seq for outcome in each(sink.collect(0)))
            seen.extend(outcome.record.seq for outcome in drain(sink))

        work = Beside(load)
        wait_for(broker.bootstrap, topic_name, lambda messages: len(messages) > 1_000)
        broker.kill()
        broker.start()
        work.join()
        sink.close()
        assert seen == list(range(total))
        assert numbers(read_topic(broker.bootstrap, topic_name)) == list(range(total))


def test_a_topic_that_is_missing_is_waited_for(make_broker: BrokerFactory, topic_name: str) -> None:
    with make_broker({"auto.create.topics.enable": "false"}) as broker:
        sink = open_sink(broker.bootstrap, Cursor())
        records = [record(topic_name, 1), record(topic_name, 2)]
        work = Beside(lambda: deliver_in_the_end(sink, records))
        until(lambda: f"topic {topic_name} does not exist" in outage_text(sink))
        broker.create_topic(topic_name)
        work.join()
        assert sink.outage is None
        sink.close()
        assert numbers(read_topic(broker.bootstrap, topic_name)) == [1, 2]


def test_a_topic_that_goes_is_waited_for(make_broker: BrokerFactory, topic_name: str) -> None:
    with make_broker({"auto.create.topics.enable": "false"}) as broker:
        broker.create_topic(topic_name)
        sink = open_sink(broker.bootstrap, Cursor())
        deliver(sink, [record(topic_name, 1)])
        broker.delete_topic(topic_name)
        records = [record(topic_name, 2), record(topic_name, 3)]
        work = Beside(lambda: deliver_in_the_end(sink, records))
        until(lambda: "does not exist" in outage_text(sink))
        broker.create_topic(topic_name)
        work.join()
        sink.close()
        assert numbers(read_topic(broker.bootstrap, topic_name)) == [2, 3]


def test_a_topic_that_the_broker_creates(kafka: Broker, topic_name: str) -> None:
    sink = open_sink(kafka.bootstrap, Cursor())
    deliver_in_the_end(sink, [record(topic_name, 1)])
    sink.close()
    assert numbers(read_topic(kafka.bootstrap, topic_name)) == [1]


def test_another_cluster_at_the_same_address_ends_the_process(
    make_broker: BrokerFactory, topic_name: str
) -> None:
    """As when the brokers' volumes are removed. Only a new process knows what is for it."""
    broker = make_broker().start()
    broker.create_topic(topic_name)
    sink = open_sink(broker.bootstrap, Cursor(), dataclasses.replace(FAST, stall_s=1.0))
    assert sink.destination == Destination(KAFKA, CLUSTER_ID)
    deliver(sink, [record(topic_name, 1)])
    broker.stop()
    sink.send([record(topic_name, 2)])
    work = Beside(lambda: drain(sink))
    until(lambda: "refused" in outage_text(sink))
    other = make_broker(cluster_id="dubhe-other-cluster-00", ports_of=broker).start()
    with pytest.raises(SinkError, match=f"cluster dubhe-other-cluster-00 now, and .* {CLUSTER_ID}"):
        work.join()
    sink.close()
    assert read_topic(other.bootstrap, topic_name) == []


def test_who_waits_for_the_cluster_may_be_called_off_and_comes_again(
    make_broker: BrokerFactory, topic_name: str
) -> None:
    class CalledOff(Exception):
        pass

    def call_off() -> None:
        if sink.retries:
            raise CalledOff

    broker = make_broker()
    sink = make_sink(broker.bootstrap)
    sink.on_wait = call_off
    with pytest.raises(CalledOff):
        sink.connect()
    sink.close()
    broker.start().create_topic(topic_name)
    sink.on_wait = lambda: None
    cursor = Cursor()
    for seq in (1, 2):
        sink.connect()
        sink.open(cursor.state, undelivered=bool(cursor.state), save=cursor.save)
        deliver(sink, [record(topic_name, seq)])
        cursor.save(sink.state())
        sink.close()
        assert sink.in_flight == 0
    assert numbers(read_topic(broker.bootstrap, topic_name)) == [1, 2]
