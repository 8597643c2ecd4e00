"""What a spool holds, beside a running sidecar and without one."""

from __future__ import annotations

import json
import time

import pytest

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.sinks.base import SinkError
from dubhe_sidecar.status import inspect, is_running, read_live, write_live
from tests.dubhe_sdk.spool.helpers import (
    INSTANCE_ID,
    KIB,
    append,
    child,
    make_writer,
    segments,
    spoil_description,
)
from tests.dubhe_sidecar.helpers import FakeSink, Topic, record, reject
from tests.support.waiting import wait_for


def test_an_empty_spool(tmp_path):
    status = inspect(tmp_path)
    assert status.spool == str(tmp_path)
    assert status.sidecar == "not running"
    assert status.sink == ""
    assert status.streams == []
    assert (status.undelivered, status.undelivered_bytes, status.delivered) == (0, 0, 0)
    assert status.oldest_age_seconds is None
    assert status.last_error is None


def test_no_spool(tmp_path):
    with pytest.raises(FileNotFoundError):
        inspect(tmp_path / "nothing")


def test_undelivered_records_of_living_and_dead_writers(tmp_path):
    with child("hold", tmp_path, 2, 50) as alive, child("hold", tmp_path, 3, 50) as dead:
        names = [alive.line(), dead.line()]
        dead.kill()
        status = inspect(tmp_path)
    by_name = {stream.stream: stream for stream in status.streams}
    assert [by_name[name].undelivered for name in names] == [2, 3]
    assert [by_name[name].writing for name in names] == [True, False]
    assert {stream.instance_id for stream in status.streams} == {INSTANCE_ID}
    assert status.undelivered == 5
    assert status.undelivered_bytes == 5 * 94
    assert status.sidecar == "not running"


def test_counts_from_the_cursor_on(tmp_path):
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=KIB))
    drain = Drain(tmp_path, FakeSink(Topic()))
    drain.open()
    for number in range(100):
        append(writer, number)
    while drain.step():
        pass
    drain.save()
    for number in range(7):
        append(writer, number)
    status = inspect(tmp_path)
    assert (status.delivered, status.undelivered) == (100, 7)
    assert status.undelivered_bytes == 7 * 45
    assert status.sink == "fake topic"
    drain.close()
    writer.close()


def test_the_age_of_the_oldest(tmp_path):
    writer = make_writer(tmp_path)
    writer.append(Kind.RESULT, b"1", int((time.time() - 100) * 1000))
    writer.append(Kind.RESULT, b"2", int(time.time() * 1000))
    age = inspect(tmp_path).oldest_age_seconds
    assert age is not None
    assert 99 < age < 130


def test_dropped_records_are_counted_before_and_after_delivery(tmp_path):
    limits = SpoolLimits(
        max_bytes=8 * KIB, reserve_bytes=0, segment_bytes=KIB, full_timeout_seconds=0
    )
    writer = make_writer(tmp_path, limits)
    accepted = sum(append(writer, b"x" * 100) for _ in range(200))
    assert 0 < accepted < 200
    assert inspect(tmp_path).dropped == 200 - accepted
    drain = Drain(tmp_path, FakeSink(Topic()))
    drain.open()
    while drain.step():
        pass
    drain.save()
    assert inspect(tmp_path).dropped == 200 - accepted
    writer.close()
    while drain.step():
        pass
    drain.close()
    status = inspect(tmp_path)
    assert (status.dropped, status.delivered) == (200 - accepted, accepted)


def test_dead_letters_and_unreadable_streams(tmp_path):
    reject(tmp_path, record(1), "too large")
    writer = make_writer(tmp_path)
    append(writer, 1)
    writer.close()
    spoil_description(segments(tmp_path)[0])
    status = inspect(tmp_path)
    assert status.dead_letters == 1
    assert len(status.unreadable) == 1
    assert "checksum" in status.unreadable[0]
    assert status.streams == []


def test_a_running_sidecar_and_what_it_tells(harness):
    assert not is_running(harness.spool)
    sidecar = harness.start()
    wait_for(lambda: read_live(harness.spool), "the sidecar to tell its state")
    assert is_running(harness.spool)
    status = inspect(harness.spool)
    assert status.sidecar == "running"
    assert status.sink == f"journal {harness.journal}"
    write_live(harness.spool, {"sink": "s", "last_error": "refused since 10:00", "retries": 7})
    assert inspect(harness.spool).last_error == "refused since 10:00"
    assert inspect(harness.spool).retries == 7
    sidecar.kill()
    sidecar.wait()
    assert not is_running(harness.spool)
    assert inspect(harness.spool).last_error is None, "it is the word of one that is gone"


@pytest.mark.parametrize("content", ["", "{", "[]", "\0"])
def test_a_damaged_live_state_is_no_trouble(tmp_path, content):
    (tmp_path / "status.json").write_text(content)
    assert read_live(tmp_path) == {}
    inspect(tmp_path)


def test_a_damaged_cursor_is_told(tmp_path):
    (tmp_path / cursors.NAME).write_text("{")
    with pytest.raises(SinkError, match="cannot be read"):
        inspect(tmp_path)


def test_everything_can_be_told_as_json(tmp_path):
    writer = make_writer(tmp_path)
    append(writer, 1)
    told = json.loads(json.dumps(inspect(tmp_path).to_json()))
    assert told["undelivered"] == 1
    assert told["streams"][0]["stream"] == writer.stream


def test_looking_changes_nothing_for_the_sidecar_and_the_writer(tmp_path):
    """Also while both run at full speed."""
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=KIB))
    topic = Topic()
    drain = Drain(tmp_path, FakeSink(topic, portion=50))
    drain.open()
    for number in range(300):
        append(writer, number)
        if number % 3 == 0:
            drain.step()
        if number % 10 == 0:
            inspect(tmp_path)
    writer.close()
    while drain.step():
        pass
    drain.close()
    assert topic.values == [b"%d" % number for number in range(300)]
