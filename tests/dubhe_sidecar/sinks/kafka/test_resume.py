"""After a crash: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.dubhe_sidecar.helpers import each
from tests.dubhe_sidecar.sinks.kafka.helpers import (
    Cursor,
    deliver,
    numbers,
    open_sink,
    record,
    until,
)
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import read_topic, wait_for

COUNT = 3_000


def resume(broker: Broker, topic: str, cursor: Cursor, first: int, last: int) -> None:
    """Send what a sidecar would: everything from ``first`` that has not arrived already."""
    sink = open_sink(broker.bootstrap, cursor)
    already = sink.delivered.get("writer-1", frozenset())
    deliver(sink, [record(topic, n) for n in range(first, last) if n not in already])
    sink.close()


def test_a_clean_start_searches_nothing(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    deliver(sink, [record(topic, 1)])
    sink.close()
    sink = open_sink(kafka.bootstrap, Cursor())
    assert sink.delivered == {}
    sink.close()


def test_arrived_but_never_collected(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    for n in range(COUNT):
        sink.send([record(topic, n)])
    wait_for(kafka.bootstrap, topic, lambda messages: len(messages) == COUNT)
    sink.close()  # the cursor still reports: nothing delivered
    sink = open_sink(kafka.bootstrap, cursor)
    assert sink.delivered == {"writer-1": frozenset(range(COUNT))}
    sink.close()
    resume(kafka, topic, cursor, 0, COUNT + 10)
    assert numbers(read_topic(kafka.bootstrap, topic)) == list(range(COUNT + 10))


def test_dropped_in_the_middle(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    collected = 0
    for n in range(COUNT):
        sink.send([record(topic, n)])
        if n == COUNT // 2:
            collected = len(each(sink.collect(5)))
            cursor.save(sink.state())
    sink.close()
    assert collected
    resume(kafka, topic, cursor, collected, COUNT)
    assert numbers(read_topic(kafka.bootstrap, topic)) == list(range(COUNT))


def test_killed_process(kafka: Broker, topic: str, tmp_path: Path) -> None:
    code = f"""
import pathlib, time
from tests.dubhe_sidecar.sinks.kafka.helpers import Cursor, open_sink, record
class Disk(Cursor):
    def save(self, state):
        super().save(state)
        new = pathlib.Path({str(tmp_path / "new")!r}); new.write_text(self.text)
        new.rename({str(tmp_path / "state")!r})
sink = open_sink({kafka.bootstrap!r}, Disk())
for n in range(1_000_000):
    sink.send([record({topic!r}, n)])
    if n % 1000 == 0: sink.collect(0)
"""
    paths = os.pathsep.join(filter(None, sys.path))
    child = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths})
    wait_for(kafka.bootstrap, topic, lambda messages: len(messages) > 5_000)
    child.send_signal(signal.SIGKILL)
    child.wait()
    arrived = len(read_topic(kafka.bootstrap, topic))
    cursor = Cursor()
    cursor.text = (tmp_path / "state").read_text()
    resume(kafka, topic, cursor, 0, arrived + 1_000)
    assert numbers(read_topic(kafka.bootstrap, topic)) == list(range(arrived + 1_000))


def test_others_records_are_not_taken_for_ours(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    other = open_sink(kafka.bootstrap, Cursor())
    sink.send([record(topic, 1)])
    deliver(other, [record(topic, n, stream="other", key=b"another-instance") for n in range(9)])
    wait_for(kafka.bootstrap, topic, lambda messages: len(messages) == 10)
    for one in (sink, other):
        one.close()
    sink = open_sink(kafka.bootstrap, cursor)
    assert sink.delivered == {"writer-1": frozenset({1})}
    sink.close()


def test_retention_deleted_what_was_in_doubt(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    for n in range(10):
        sink.send([record(topic, n)])
    wait_for(kafka.bootstrap, topic, lambda messages: len(messages) == 10)
    sink.close()
    kafka.delete_records(topic, 0, 6)
    sink = open_sink(kafka.bootstrap, cursor)
    assert sink.delivered == {"writer-1": frozenset({6, 7, 8, 9})}
    sink.close()


def test_topic_made_anew(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    deliver(sink, [record(topic, n) for n in range(10)])
    cursor.save(sink.state())
    sink.close()
    kafka.delete_topic(topic)
    sink = open_sink(kafka.bootstrap, cursor)  # absent: nothing to search
    assert sink.delivered == {}
    sink.close()
    kafka.create_topic(topic)
    sink = open_sink(kafka.bootstrap, cursor)
    deliver(sink, [record(topic, 77)])  # where the new topic is shorter than the offset kept
    sink.close()
    sink = open_sink(kafka.bootstrap, cursor)
    assert sink.delivered == {"writer-1": frozenset({77})}
    sink.close()


def test_a_straggler_of_the_former_process(make_broker: BrokerFactory, topic_name: str) -> None:
    """A frozen broker holds a request of a killed process, and takes it when it goes on."""
    with make_broker() as broker:
        broker.create_topic(topic_name)
        cursor = Cursor()
        sink = open_sink(broker.bootstrap, cursor)
        deliver(sink, [record(topic_name, 0)])
        cursor.save(sink.state())
        broker.freeze()
        for n in range(1, 20):
            sink.send([record(topic_name, n)])
        process = sink._sessions.current._producer._sender  # type: ignore[union-attr]
        until(lambda: process._client.in_flight_request_count() > 0)
        sink.close()
        broker.thaw()
        resume(broker, topic_name, cursor, 1, 100)
        assert numbers(read_topic(broker.bootstrap, topic_name)) == list(range(100))
