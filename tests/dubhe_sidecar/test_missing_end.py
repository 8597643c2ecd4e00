"""The END of a task whose service was killed."""

from __future__ import annotations

import json

import pytest

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar import dead_letters
from dubhe_sidecar.drain import Drain
from tests.dubhe_sdk.spool.helpers import (
    child,
    make_writer,
    segments,
)
from tests.dubhe_sidecar.drain_helpers import ends, put, run, totals
from tests.dubhe_sidecar.helpers import FakeSink, Topic, append_number


def test_end_is_added_to_a_start_without_one(tmp_path):
    put(tmp_path, "a", 1, [Kind.READY, Kind.START, Kind.PROGRESS])
    topic = Topic()
    run(tmp_path, topic)
    end = topic.records[-1]
    assert (end.kind, end.stream, end.seq) == (Kind.END, "a", 4)
    assert json.loads(end.value)["data"]["status"] == 300
    assert totals(tmp_path).delivered == 4
    run(tmp_path, topic)
    assert len(topic.records) == 4


@pytest.mark.parametrize(
    "kinds",
    [
        [],
        [Kind.READY],
        [Kind.PROGRESS, Kind.RESULT],
        [Kind.START, Kind.END],
        [Kind.READY, Kind.END],
        [Kind.START, Kind.PROGRESS, Kind.END, Kind.START, Kind.END, Kind.PROGRESS],
    ],
)
def test_end_is_not_added_where_none_is_missing(tmp_path, kinds):
    put(tmp_path, "a", 1, kinds)
    topic = Topic()
    run(tmp_path, topic)
    assert [one.kind for one in topic.records] == kinds
    assert segments(tmp_path) == []


def test_end_is_added_to_the_last_of_several_tasks(tmp_path):
    put(tmp_path, "a", 1, [Kind.START, Kind.END, Kind.START])
    topic = Topic()
    run(tmp_path, topic)
    assert [one.kind for one in topic.records] == [Kind.START, Kind.END, Kind.START, Kind.END]


def test_end_is_added_before_the_next_run_of_the_service_speaks(tmp_path):
    """A container started again while the broker was away: both runs come up together."""
    put(tmp_path, "a", 1, [Kind.READY, Kind.START, Kind.PROGRESS], service="run-1")
    put(tmp_path, "b", 1, [Kind.READY, Kind.START], service="run-2", time_ns=10)
    put(tmp_path, "c", 1, [Kind.END], service="run-3", time_ns=20)
    topic = Topic()
    run(tmp_path, topic)
    assert topic.identities == [
        *[("a", 1), ("a", 2), ("a", 3), ("a", 4)],
        *[("b", 1), ("b", 2), ("b", 3)],
        ("c", 1),
    ]
    assert ends(topic) == ["a", "b", "c"]
    assert segments(tmp_path) == []


def test_end_is_not_added_while_the_former_service_may_still_say_it(tmp_path):
    put(tmp_path, "a", 1, [Kind.START], service="run-1")
    put(tmp_path, "a", 2, [Kind.END], seq=2, service="run-1", time_ns=20)
    put(tmp_path, "b", 1, [Kind.READY], service="run-2", time_ns=10)
    topic = Topic()
    run(tmp_path, topic)
    assert topic.identities == [("a", 1), ("b", 1), ("a", 2)]


def test_end_waits_for_the_former_services_other_processes(tmp_path):
    """Also when the next run reports meanwhile: END comes after everything of its task."""
    with child("hold", tmp_path, 1, 10, "run-1") as rank:
        rank.line()
        put(tmp_path, "a", 1, [Kind.START], service="run-1")
        put(tmp_path, "b", 1, [Kind.READY, Kind.START, Kind.END], service="run-2", time_ns=2)
        topic = Topic()
        drain = Drain(tmp_path, FakeSink(topic))
        drain.open()
        while drain.step():
            pass
        assert ends(topic) == ["b"]
        rank.send_line()
        rank.line()
        rank.kill()
        while drain.step():
            pass
        assert ends(topic) == ["b", "a"]
        assert topic.records[-2].value == b"more"
        drain.close()


def test_end_of_another_instance_is_not_added_early(tmp_path):
    with child("hold", tmp_path, 1, 10, "run-1") as rank:
        rank.line()
        put(tmp_path, "a", 1, [Kind.START], service="run-1")
        put(tmp_path, "b", 1, [Kind.READY], service="run-2", time_ns=2, instance_id="another")
        topic = Topic()
        drain = Drain(tmp_path, FakeSink(topic))
        drain.open()
        while drain.step():
            pass
        assert ends(topic) == []
        drain.close()


def test_end_waits_for_all_streams_of_the_same_service(tmp_path):
    with (
        child("hold", tmp_path, 1, 10, "service-1") as rank,
        child("hold", tmp_path, 1, 10, "service-2") as stranger,
    ):
        rank.line()
        stranger.line()
        put(tmp_path, "a", 1, [Kind.START], service="service-1")
        topic = Topic()
        drain = Drain(tmp_path, FakeSink(topic))
        drain.open()

        def settle() -> None:
            while drain.step():
                pass

        settle()
        assert ends(topic) == []
        rank.send_line()
        rank.line()
        settle()
        assert ends(topic) == []
        rank.send_line()
        rank.line()
        rank.kill()
        settle()
        assert ends(topic) == ["a"]
        assert topic.records[-1].kind == Kind.END
        assert len([one for one in topic.records if one.value == b"more"]) == 2
        drain.close()


def test_services_without_a_name_end_each_for_itself(tmp_path):
    with child("hold", tmp_path, 1, 10, "") as other:
        other.line()
        put(tmp_path, "a", 1, [Kind.START], service="")
        topic = Topic()
        run(tmp_path, topic)
        assert ends(topic) == ["a"]


def test_an_end_that_is_refused_is_not_tried_for_ever(tmp_path):
    put(tmp_path, "a", 1, [Kind.START])
    topic = Topic()
    run(tmp_path, topic, rejects=lambda one: "no" if one.kind == Kind.END else None)
    assert segments(tmp_path) == []
    assert len(dead_letters.read(tmp_path)) == 1


def test_a_task_whose_stream_was_lost_gets_its_end_once(tmp_path):
    """A power cut may leave the cursor and take the files; the platform still waits for the END."""
    topic = Topic()
    writer = make_writer(tmp_path)
    append_number(writer, 1, Kind.START)
    append_number(writer, 2)
    drain = Drain(tmp_path, FakeSink(topic))
    drain.open()
    while drain.step():
        pass
    drain.save()
    stream = writer.stream
    for path in segments(tmp_path):
        path.unlink()
    writer.close()
    for _ in range(3):
        run(tmp_path, topic)
    assert topic.identities == [(stream, 1), (stream, 2), (stream, 3)]
    assert json.loads(topic.values[-1])["data"]["status"] == 300
    assert cursors.load(tmp_path).streams == {}
