"""A topic that does not exist holds back only what must wait for it, whatever crashes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.status import inspect
from tests.dubhe_sdk.spool.helpers import KIB, append, make_writer, segments
from tests.dubhe_sidecar.drain_helpers import put, totals
from tests.dubhe_sidecar.helpers import FakeSink, Topic

STATUS, RESULT = "status", "result"
TASK = [Kind.READY, Kind.START, Kind.END]


def opened(directory: Path, topic: Topic, step=lambda: None) -> Drain:
    drain = Drain(directory, FakeSink(topic, step=step))
    drain.open()
    return drain


def deliver(drain: Drain) -> None:
    while drain.step():
        pass


def lay_out(directory: Path) -> None:
    """A task with progress and results in turns, the next task, and another instance."""
    put(directory, "service", 1, TASK, time_ns=1)
    for seq, kind, at in ((1, Kind.READY, 1), (2, Kind.START, 2), (3, Kind.END, 50)):
        put(directory, "task", seq, [kind], seq=seq, time_ns=at, instance_id="a-b-train-1")
    put(
        *(directory, "model", 1, [Kind.PROGRESS, Kind.RESULT] * 10),
        time_ns=10,
        instance_id="a-b-train-1",
    )
    put(directory, "again", 1, TASK, time_ns=60, instance_id="a-b-train-1", service="next")


def test_only_what_must_wait_is_held_back(tmp_path):
    lay_out(tmp_path)
    topic = Topic()
    topic.missing = {RESULT}
    drain = opened(tmp_path, topic)
    deliver(drain)
    progress = [("model", seq) for seq in range(1, 20, 2)]
    results = [("model", seq) for seq in range(2, 21, 2)]
    # The other instance is complete; of this one READY, START and progress have arrived. Its END
    # is a task's last message, and the next task begins after it.
    assert sorted(topic.identities) == sorted(
        [("service", n) for n in (1, 2, 3)] + [("task", 1), ("task", 2)] + progress
    )
    assert drain.holds_back
    drain.save()
    status = inspect(tmp_path)
    assert status.undelivered == len(results) + 1 + 3
    assert 0 < status.undelivered_bytes < 14 * 100
    assert status.delivered == len(topic.records)
    topic.missing = set()
    deliver(drain)
    drain.close()
    assert not drain.holds_back
    assert topic.identities[-len(results) - 4 :] == [
        *results,
        ("task", 3),
        *[("again", n) for n in (1, 2, 3)],
    ]
    assert len(set(topic.identities)) == len(topic.identities) == 29
    assert segments(tmp_path) == []
    assert totals(tmp_path).delivered == 29
    assert totals(tmp_path).missing == totals(tmp_path).skipped_bytes == 0


def test_a_task_whose_start_waits_waits_as_a_whole(tmp_path):
    lay_out(tmp_path)
    topic = Topic()
    topic.missing = {STATUS}
    drain = opened(tmp_path, topic)
    deliver(drain)
    assert topic.records == [], "results would come before their START"
    topic.missing = set()
    deliver(drain)
    drain.close()
    times = [topic.identities.index(one) for one in (("task", 2), ("model", 1), ("task", 3))]
    assert times == sorted(times)
    assert len(topic.records) == 29


def test_thousands_wait_in_the_spool_and_not_in_memory(tmp_path):
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=64 * KIB))
    topic = Topic()
    topic.missing = {RESULT}
    drain = opened(tmp_path, topic)
    for number in range(5000):
        append(writer, number)
        assert writer.append(Kind.RESULT, b'"%d"' % number, 1)
        if number % 500 == 0:
            deliver(drain)
    deliver(drain)
    assert len(topic.records) == 5000
    assert len(drain._in_flight) == 0
    drain.save()
    [entry] = cursors.load(tmp_path).streams.values()
    assert entry.ahead == {STATUS: 9999}
    drain.abandon()  # killed
    drain = opened(tmp_path, topic)
    deliver(drain)
    assert len(topic.records) == 5000, "none is repeated"
    topic.missing = set()
    writer.close()
    deliver(drain)
    drain.close()
    assert len(topic.records) == 10_000
    for name in (STATUS, RESULT):
        seqs = [one.seq for one in topic.records if one.topic == name]
        assert seqs == sorted(seqs)
        assert len(set(seqs)) == 5000
    assert totals(tmp_path).delivered == 10_000


def test_an_end_that_is_added_waits_for_what_is_held_back(tmp_path):
    put(tmp_path, "killed", 1, [Kind.READY, Kind.START], time_ns=1)
    put(tmp_path, "model", 1, [Kind.PROGRESS, Kind.RESULT, Kind.PROGRESS], time_ns=10)
    topic = Topic()
    topic.missing = {RESULT}
    drain = opened(tmp_path, topic)
    deliver(drain)
    assert topic.identities == [("killed", 1), ("killed", 2), ("model", 1), ("model", 3)]
    topic.missing = set()
    deliver(drain)
    drain.close()
    assert topic.identities[-2:] == [("model", 2), ("killed", 3)]
    assert topic.records[-1].kind == Kind.END
    assert segments(tmp_path) == []


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_topics_that_come_and_go_and_crashes_lose_nothing_and_repeat_nothing(
    tmp_path_factory, data
):
    """Also when a topic goes while its records are on their way, and comes back with them."""
    directory = tmp_path_factory.mktemp("held") / "spool"
    directory.mkdir()
    lay_out(directory)
    topic = Topic()
    left = [0]

    def step() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    choices = st.sampled_from([set(), {RESULT}, {STATUS}, {RESULT, STATUS}])
    for _ in range(data.draw(st.integers(1, 6))):
        topic.missing = set(data.draw(choices))
        left[0] = data.draw(st.integers(5, 120))
        drain = Drain(directory, FakeSink(topic, step=step))
        try:
            drain.open()
            for _ in range(data.draw(st.integers(1, 8))):
                drain.step()
                topic.missing = set(data.draw(choices))
                if data.draw(st.booleans()):
                    drain.save()
        except Crash:
            pass
        drain.abandon()
    topic.missing = set()
    left[0] = 0
    drain = opened(directory, topic)
    deliver(drain)
    drain.close()
    assert segments(directory) == []
    every = [one for one in topic.identities if one[0] != "service"]
    assert len(every) == len(set(every)) == 26
    assert totals(directory).delivered == 29
    for name in (STATUS, RESULT):
        one_stream = [
            one.seq for one in topic.records if (one.stream, one.topic) == ("model", name)
        ]
        assert one_stream == sorted(one_stream)
    order = [every.index(one) for one in (("task", 1), ("task", 2), ("task", 3), ("again", 1))]
    assert order == sorted(order)
    of_model = [every.index(one) for one in every if one[0] == "model"]
    assert order[1] < min(of_model)
    assert max(of_model) < order[2]
