"""What a tail holds beside our own records neither ends the reading nor is taken for ours."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dubhe_sidecar.sinks.kafka.recovery import tail
from tests.dubhe_sidecar.sinks.kafka.helpers import (
    FAST,
    Cursor,
    deliver,
    numbers,
    open_sink,
    record,
    until,
)
from tests.dubhe_sidecar.sinks.kafka.recovery import foreign
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import read_topic, wait_for

OURS = 5
# A process that lacks the packages of all codecs: they come first on its path, and fail.
WITHOUT_CODECS = "raise ImportError('not here')\n"


def leave_in_doubt(broker: Broker, topic: str, cursor: Cursor) -> None:
    """Send records whose outcome the cursor does not get."""
    sink = open_sink(broker.bootstrap, cursor)
    for n in range(OURS):
        sink.send([record(topic, n)])
    wait_for(broker.bootstrap, topic, lambda messages: len(numbers(messages)) == OURS)
    sink.close()


def delivered(broker: Broker, cursor: Cursor) -> dict[str, frozenset[int]]:
    """Return what a resumed sink finds."""
    sink = open_sink(broker.bootstrap, cursor)
    found = dict(sink.delivered)
    sink.close()
    return found


def environment_without_codecs(folder: Path) -> dict[str, str]:
    for name in ("lz4", "snappy", "zstandard", "cramjam"):
        (folder / f"{name}.py").write_text(WITHOUT_CODECS)
    paths = os.pathsep.join([str(folder), *filter(None, sys.path)])
    return {**os.environ, "PYTHONPATH": paths}


def found_without_codecs(broker: Broker, cursor: Cursor, folder: Path) -> tuple[object, str]:
    """Resume in a process that lacks the codecs; return what it finds, and its log."""
    code = f"""
import json, logging
from tests.dubhe_sidecar.sinks.kafka.helpers import Cursor, open_sink
logging.basicConfig(level=logging.WARNING)
cursor = Cursor()
cursor.text = {cursor.text!r}
sink = open_sink({broker.bootstrap!r}, cursor)
print(json.dumps({{name: sorted(seqs) for name, seqs in sink.delivered.items()}}))
sink.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment_without_codecs(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("codec", foreign.CODECS)
def test_a_topic_that_compresses(kafka: Broker, topic_name: str, codec: str) -> None:
    config = {"compression.type": "uncompressed" if codec == "none" else codec}
    kafka.create_topic(topic_name, config=config)
    cursor = Cursor()
    leave_in_doubt(kafka, topic_name, cursor)
    foreign.write(kafka.bootstrap, topic_name, codec)
    assert delivered(kafka, cursor) == {"writer-1": frozenset(range(OURS))}


def test_foreign_batches_need_no_codec(kafka: Broker, topic: str, tmp_path: Path) -> None:
    cursor = Cursor()
    leave_in_doubt(kafka, topic, cursor)
    for codec in foreign.CODECS:
        foreign.write(kafka.bootstrap, topic, codec)
    found, log = found_without_codecs(kafka, cursor, tmp_path)
    assert found == {"writer-1": list(range(OURS))}
    assert "compressed" not in log


def test_our_own_batches_in_a_codec_that_is_not_here_are_sent_again(
    kafka: Broker, topic_name: str, tmp_path: Path
) -> None:
    kafka.create_topic(topic_name, config={"compression.type": "zstd"})
    cursor = Cursor()
    leave_in_doubt(kafka, topic_name, cursor)
    found, log = found_without_codecs(kafka, cursor, tmp_path)
    assert found == {}
    assert log.count("compressed by zstd (the package zstandard is not installed)") == 1


def test_transactions_of_others(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    leave_in_doubt(kafka, topic, cursor)
    foreign.transaction(kafka.bootstrap, topic, commit=True)
    foreign.transaction(kafka.bootstrap, topic, commit=False)
    assert delivered(kafka, cursor) == {"writer-1": frozenset(range(OURS))}


def test_a_state_of_a_version_that_kept_no_ids(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    leave_in_doubt(kafka, topic, cursor)
    foreign.write(kafka.bootstrap, topic, "lz4", key=record(topic, 0).key)
    state = cursor.state or {}
    del state["producer_ids"]
    cursor.save(state)
    sink = open_sink(kafka.bootstrap, cursor)
    assert sink.delivered == {"writer-1": frozenset(range(OURS))}
    # Until all of that is passed, a crash must find it again, though a new producer is saved.
    deliver(sink, [record(topic, OURS)])
    sink.close()
    assert delivered(kafka, cursor) == {"writer-1": frozenset(range(OURS + 1))}


def test_once_passed_only_the_present_producer_is_kept(kafka: Broker, topic: str) -> None:
    cursor = Cursor()
    leave_in_doubt(kafka, topic, cursor)
    sink = open_sink(kafka.bootstrap, cursor)
    deliver(sink, [record(topic, OURS)])
    before = cursor.state or {}
    assert len(before["producer_ids"]) == 2
    assert before["topics"][topic]["offsets"] == {"0": 0}
    sink.forget_delivered()
    after = sink.state()
    assert after["producer_ids"] == before["producer_ids"][1:]
    assert after["topics"][topic]["offsets"] == {"0": OURS + 1}
    sink.close()


def test_killed_right_after_the_first_record(kafka: Broker, topic: str, tmp_path: Path) -> None:
    """The producer's id was saved before it: otherwise it would count as foreign."""
    code = f"""
import pathlib
from tests.dubhe_sidecar.sinks.kafka.helpers import Cursor, open_sink, record
class Disk(Cursor):
    def save(self, state):
        super().save(state)
        new = pathlib.Path({str(tmp_path / "new")!r}); new.write_text(self.text)
        new.rename({str(tmp_path / "state")!r})
sink = open_sink({kafka.bootstrap!r}, Disk())
sink.send([record({topic!r}, 0)])
input()
"""
    paths = os.pathsep.join(filter(None, sys.path))
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
    )
    wait_for(kafka.bootstrap, topic, lambda messages: len(messages) == 1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    foreign.write(kafka.bootstrap, topic, "zstd")
    cursor = Cursor()
    cursor.text = (tmp_path / "state").read_text()
    sink = open_sink(kafka.bootstrap, cursor)
    already = sink.delivered.get("writer-1", frozenset())
    assert already == {0}
    deliver(sink, [record(topic, n) for n in range(9) if n not in already])
    sink.close()
    assert numbers(read_topic(kafka.bootstrap, topic)) == list(range(9))


def test_nothing_is_in_the_topic_when_the_producer_is_saved(kafka: Broker, topic: str) -> None:
    held: list[tuple[list[int], int]] = []

    class Watched(Cursor):
        def save(self, state: dict[str, object]) -> None:
            super().save(state)
            ids = state["producer_ids"]
            assert isinstance(ids, list)
            held.append((ids, len(read_topic(kafka.bootstrap, topic))))

    sink = open_sink(kafka.bootstrap, Watched())
    deliver(sink, [record(topic, n) for n in range(9)])
    assert sink._sessions.current is not None
    own = sink._sessions.current.producer_id(0.0)
    sink.close()
    assert held == [([own], 0)]


def test_batches_larger_than_a_fetch(
    kafka: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    for n in range(OURS):
        sink.send([record(topic, n, b"x" * 200_000)])
    wait_for(kafka.bootstrap, topic, lambda messages: len(messages) == OURS)
    sink.close()
    foreign.write(kafka.bootstrap, topic, "none")
    monkeypatch.setattr(tail, "FETCH_BYTES", 100)
    assert delivered(kafka, cursor) == {"writer-1": frozenset(range(OURS))}


def test_a_long_look_is_announced(
    kafka: Broker,
    topic: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "dubhe_sidecar")
    monkeypatch.setattr(tail, "MANY", 100)
    cursor = Cursor()
    leave_in_doubt(kafka, topic, cursor)
    foreign.write(kafka.bootstrap, topic, "gzip")
    assert delivered(kafka, cursor) == {"writer-1": frozenset(range(OURS))}
    lines = [r.getMessage() for r in caplog.records if "looking through" in r.getMessage()]
    assert len(lines) == 1
    assert f"looking through {OURS + 300} records of {topic}-0" in lines[0]


def test_while_idle_the_offset_moves_on(kafka: Broker, topic: str) -> None:
    sink = open_sink(kafka.bootstrap, Cursor(), dataclasses.replace(FAST, advance_s=0.1))
    deliver(sink, [record(topic, n) for n in range(OURS)])
    assert sink.state()["topics"][topic]["offsets"] == {"0": OURS}
    foreign.write(kafka.bootstrap, topic, "none", 20)
    until(sink.advance)
    assert sink.state()["topics"][topic]["offsets"] == {"0": OURS + 20}
    sink.send([record(topic, OURS)])
    assert not sink.advance()  # one is in flight
    sink.close()


def test_a_broker_that_is_away_does_not_hurt_an_idle_sink(
    make_broker: BrokerFactory, topic_name: str
) -> None:
    broker = make_broker().start()
    broker.create_topic(topic_name)
    sink = open_sink(broker.bootstrap, Cursor(), dataclasses.replace(FAST, advance_s=0.0))
    deliver(sink, [record(topic_name, 0)])
    broker.kill()
    assert not sink.advance()
    assert sink.outage is None  # nothing waits for it
    assert sink.state()["topics"][topic_name]["offsets"] == {"0": 1}
    broker.start()
    deliver(sink, [record(topic_name, 1)])
    sink.close()
    assert not sink.advance()
    assert numbers(read_topic(broker.bootstrap, topic_name)) == [0, 1]


def test_gaps_that_compaction_leaves(make_broker: BrokerFactory, topic_name: str) -> None:
    """Foreign records vanish between, behind and around ours: offsets have gaps, batches shrink."""
    with make_broker({"log.cleaner.backoff.ms": "100"}) as broker:
        broker.create_topic(
            topic_name,
            config={
                "cleanup.policy": "compact",
                "min.cleanable.dirty.ratio": "0.0",
                "segment.ms": "100",
                "segment.bytes": str(1024 * 1024),
            },
        )
        cursor = Cursor()
        sink = open_sink(broker.bootstrap, cursor)
        foreign.write(broker.bootstrap, topic_name, "lz4")
        for n in range(OURS):  # each of an instance of its own: compaction keeps them
            sink.send([record(topic_name, n, key=b"a-b-train-%d" % n)])
            foreign.write(broker.bootstrap, topic_name, "none")
        wait_for(broker.bootstrap, topic_name, lambda messages: len(numbers(messages)) == OURS)
        sink.close()

        def is_compacted() -> bool:
            foreign.write(broker.bootstrap, topic_name, "none", 1)  # closes the segment before
            return len(read_topic(broker.bootstrap, topic_name)) < 300

        until(is_compacted, 60.0)
        assert len(numbers(read_topic(broker.bootstrap, topic_name))) == OURS
        assert delivered(broker, cursor) == {"writer-1": frozenset(range(OURS))}
        # A second time: only what is behind the present end.
        sink = open_sink(broker.bootstrap, cursor)
        deliver(sink, [record(topic_name, OURS, key=b"a-b-train-0")])
        sink.close()
