"""Spool → sink: each record once and in order, whatever crashes where."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.spool import frame, segment
from dubhe_sdk.spool.create import create_segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar import dead_letters
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.sinks.base import SinkError
from dubhe_sidecar.sinks.journal import JournalSink
from tests.dubhe_sdk.spool.helpers import (
    KIB,
    append,
    child,
    description,
    first_offset,
    flip_bit,
    make_writer,
    mounted,
    segments,
    spoil_description,
)
from tests.dubhe_sidecar.helpers import FakeSink, Topic, tell
from tests.support.journal import read_journal
from tests.support.waiting import wait_for


def run(directory: Path, topic: Topic, **sink) -> Drain:
    """Deliver all there is; return the drain, closed."""
    drain = Drain(directory, FakeSink(topic, **sink))
    drain.open()
    while drain.step():
        pass
    drain.close()
    return drain


def totals(directory: Path) -> cursors.Totals:
    return cursors.load(directory).totals


def put(
    directory: Path,
    stream: str,
    number: int,
    kinds: list[Kind],
    *,
    seq: int = 1,
    time_ns: int | None = None,
    dropped: int = 0,
    **more,
) -> Path:
    """Make a segment of a dead writer."""
    fd, _ = create_segment(directory, description(stream, **more), number)
    for index, kind in enumerate(kinds):
        at = (time_ns or seq) + index
        value = b'{"stream":"%b","seq":%d}' % (stream.encode(), seq + index)
        os.write(fd, frame.encode(kind, seq + index, at, 1, value))
    os.pwrite(fd, segment.encode_dropped(dropped), segment.DROPPED_OFFSET)
    os.close(fd)
    return directory / segment.file_name(stream, number)


def test_delivers_in_order_and_leaves_nothing(tmp_path):
    writers = [make_writer(tmp_path) for _ in range(3)]
    for number in range(60):
        tell(writers[number % 3], number)
    for writer in writers:
        writer.close()
    topic = Topic()
    drain = run(tmp_path, topic)
    assert topic.values == [b"%d" % number for number in range(60)]
    assert segments(tmp_path) == []
    assert drain.cursor.streams == {}
    assert totals(tmp_path).delivered == 60
    assert totals(tmp_path).delivered_bytes == sum(len(value) for value in topic.values)
    assert drain._sink.closed  # type: ignore[attr-defined]


def test_follows_a_living_writer(tmp_path):
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=KIB))
    topic = Topic()
    drain = Drain(tmp_path, FakeSink(topic))
    drain.open()
    for number in range(200):
        tell(writer, number)
        while drain.step():
            pass
        assert topic.values[-1] == b"%d" % number
    drain.save()
    (left,) = segments(tmp_path)
    entry = cursors.load(tmp_path).streams[writer.stream]
    assert left.name == segment.file_name(writer.stream, entry.segment)
    writer.close()
    while drain.step():
        pass
    drain.close()
    assert segments(tmp_path) == []
    assert len(topic.records) == 200


def test_a_second_crash_before_all_that_had_arrived_was_passed_repeats_nothing(tmp_path):
    """One look reads one segment of a stream, so the cursor may be saved in between."""
    spool, folder = tmp_path / "spool", tmp_path / "journal"
    writer = make_writer(spool, SpoolLimits(segment_bytes=KIB))
    for number in range(200):
        tell(writer, number)

    def begin() -> Drain:
        drain = Drain(spool, JournalSink(folder))
        drain.open()
        return drain

    def deliver(drain: Drain) -> None:
        while drain.step():
            pass

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("dubhe_sidecar.drain._SAVE_SECONDS", float("inf"))
        deliver(begin())  # and killed: all is in the journal, the cursor knows of nothing
    for steps in range(1, 6):
        drain = begin()
        for _ in range(steps):
            drain.step()
        drain.save()  # and killed
    tell(writer, 200)
    writer.close()
    drain = begin()
    deliver(drain)
    drain.close()
    assert [message["value"] for message in read_journal(folder)] == list(range(201))


def test_nothing_of_a_task_overtakes_its_start_or_comes_after_its_end(tmp_path):
    """Results lie in another topic: there only acknowledgement makes "before" certain."""
    kinds = [Kind.PROGRESS, Kind.START, Kind.RESULT, Kind.PROGRESS, Kind.RESULT, Kind.END]
    writer = make_writer(tmp_path)
    for number, kind in enumerate(kinds):
        tell(writer, number, kind)
    writer.close()
    on_the_way: list[tuple[Kind, list[Kind]]] = []

    class Watched(FakeSink):
        def send(self, record):
            on_the_way.append(
                (Kind(record.kind), [Kind(one.record.kind) for one, _ in self._waiting])
            )
            super().send(record)

    drain = Drain(tmp_path, Watched(Topic()))
    drain.open()
    while drain.step():
        pass
    drain.close()
    assert [kind for kind, _ in on_the_way] == kinds
    for kind, others in on_the_way:
        assert Kind.START not in others
        assert kind is not Kind.END or others == []


def test_deletes_nothing_before_the_cursor_is_on_disk(tmp_path, monkeypatch):
    for number in (1, 2, 3):
        put(tmp_path, "a", number, [Kind.RESULT], seq=number)
    topic = Topic()
    drain = Drain(tmp_path, FakeSink(topic))
    drain.open()

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dubhe_sidecar.atomic_file.os.fsync", fail)
    for _ in range(20):
        drain.step()
    assert len(topic.records) == 3, "delivery goes on"
    assert len(segments(tmp_path)) == 3
    assert drain.outage is not None
    assert "No space left" in drain.outage.text
    assert drain.wants_save_in is not None
    assert drain.wants_save_in > 0
    monkeypatch.undo()
    wait_for(lambda: drain.step() or segments(tmp_path) == [], "the cursor to be saved")
    assert drain.outage is None
    drain.close()
    run(tmp_path, topic)
    assert len(topic.records) == 3, "nothing is repeated"


def test_goes_on_where_the_last_one_was(tmp_path):
    writer = make_writer(tmp_path)
    topic = Topic()
    for number in range(10):
        tell(writer, number)
        run(tmp_path, topic)
    assert topic.values == [b"%d" % number for number in range(10)]
    writer.close()


def test_a_record_refused_for_ever_goes_to_the_dead_letters_and_the_rest_goes_on(tmp_path):
    put(tmp_path, "a", 1, [Kind.RESULT] * 6)
    topic = Topic()
    run(tmp_path, topic, rejects=lambda one: "too large" if one.seq in (2, 5) else None)
    assert [one.seq for one in topic.records] == [1, 3, 4, 6]
    assert [(e["seq"], e["reason"]) for e in dead_letters.read(tmp_path)] == [
        (2, "too large"),
        (5, "too large"),
    ]
    assert (totals(tmp_path).delivered, totals(tmp_path).rejected) == (4, 2)


@pytest.mark.parametrize("empty", [[], [1], [1, 2], [2], [3], [1, 2, 3]])
def test_dropped_records_of_all_segments_are_counted_also_of_those_without_frames(tmp_path, empty):
    """A disk that was full when the segment began leaves one with nothing but a count."""
    seq = 1
    for number in (1, 2, 3):
        kinds = [] if number in empty else [Kind.PROGRESS] * 2
        put(tmp_path, "a", number, kinds, seq=seq, dropped=10**number)
        seq += len(kinds)
    topic = Topic()
    run(tmp_path, topic)
    assert totals(tmp_path).dropped == 1110
    assert len(topic.records) == seq - 1
    assert segments(tmp_path) == []


def test_damaged_bytes_are_counted_wherever_they_lie(tmp_path):
    paths = [put(tmp_path, "a", n, [Kind.RESULT] * 3, seq=3 * n) for n in (1, 2, 3)]
    size = frame.OVERHEAD + len(b'{"stream":"a","seq":3}')
    first = first_offset(paths[0])
    flip_bit(paths[0], first)  # the first frame of all
    spoil_description(paths[1])  # a header
    flip_bit(paths[1], first_offset(paths[2]) + size)  # a frame in the middle
    for path, tail in ((paths[1], 11), (paths[2], 5)):  # torn ends
        with path.open("ab") as file:
            file.write(b"\0" * tail)
    topic = Topic()
    run(tmp_path, topic)
    assert [one.seq for one in topic.records] == [4, 5, 6, 8, 9, 10, 11]
    assert totals(tmp_path).skipped_bytes == 2 * size + first + 11 + 5


def test_damage_that_a_killed_sidecar_has_passed_is_counted_once(tmp_path):
    path = put(tmp_path, "a", 1, [Kind.RESULT] * 4)
    size = frame.OVERHEAD + len(b'{"stream":"a","seq":1}')
    flip_bit(path, first_offset(path) + size)
    topic = Topic()
    for _ in range(3):
        drain = Drain(tmp_path, FakeSink(topic, portion=1))
        drain.open()
        drain.step()
        drain.save()  # and then it is killed
    run(tmp_path, topic)
    assert totals(tmp_path).skipped_bytes == size
    assert [one.seq for one in topic.records] == [1, 3, 4]


def test_an_unreadable_stream_stays_and_holds_nobody_up(tmp_path):
    bad = put(tmp_path, "bad", 1, [Kind.RESULT])
    put(tmp_path, "good", 1, [Kind.RESULT])
    spoil_description(bad)
    topic = Topic()
    run(tmp_path, topic)
    assert topic.identities == [("good", 1)]
    assert segments(tmp_path) == [bad]


def test_streams_that_end_under_load_are_deleted_all_the_same(tmp_path):
    """Somebody always has something on its way; nobody else waits for that with its files."""
    busy = make_writer(tmp_path)
    topic = Topic()
    drain = Drain(tmp_path, FakeSink(topic, portion=1))
    drain.open()
    put(tmp_path, "ended", 1, [Kind.RESULT])
    for number in range(50):
        for _ in range(2):  # more than the sink tells of
            tell(busy, number)
        drain.step()
    assert segments(tmp_path, "ended") == []
    busy.close()
    drain.close()


def test_an_ended_stream_stays_for_a_while_for_whoever_else_reads_it(tmp_path):
    path = put(tmp_path, "a", 1, [Kind.START, Kind.PROGRESS])
    topic = Topic()
    drain = Drain(tmp_path, FakeSink(topic), linger_seconds=3600)
    drain.open()
    while drain.step():
        pass
    drain.save()
    assert [one.kind for one in topic.records] == [Kind.START, Kind.PROGRESS, Kind.END]
    assert path.exists()
    drain.linger_seconds = 0.0
    drain.step()
    assert not path.exists()
    drain.close()
    assert cursors.load(tmp_path).streams == {}


def test_the_sink_is_told_whether_to_search(tmp_path):
    writer = make_writer(tmp_path)
    topic = Topic()

    def opened_with():
        sink = FakeSink(topic)
        drain = Drain(tmp_path, sink)
        drain.open()
        while drain.step():
            pass
        drain.close()
        return sink.opened_with

    assert opened_with() == (None, False)
    tell(writer, 1)
    assert opened_with() == (None, True)
    assert opened_with() == ({"offset": 1}, False)
    tell(writer, 2)
    assert opened_with() == ({"offset": 1}, True)
    append(writer, b"{}", Kind.START)
    opened_with()
    assert opened_with() == ({"offset": 3}, True), "its END may have been added"
    writer.close()


def test_another_kind_of_sink_does_not_get_the_state_of_the_first(tmp_path):
    put(tmp_path, "a", 1, [Kind.RESULT])
    run(tmp_path, Topic())
    put(tmp_path, "b", 1, [Kind.RESULT])

    class Other(FakeSink):
        name = "other place"

    sink = Other(Topic())
    drain = Drain(tmp_path, sink)
    drain.open()
    assert sink.opened_with == (None, True)
    drain.step()
    drain.close()
    assert cursors.load(tmp_path).sink_name == "other place"


def test_a_cursor_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / cursors.NAME).write_text("{")
    with pytest.raises(SinkError, match="cannot be read"):
        Drain(tmp_path, FakeSink(Topic()))


@pytest.mark.needs("root")
def test_a_full_disk_is_emptied(tmp_path):
    """Progress of the drain is what makes room; it must not need any itself."""
    with mounted(tmp_path / "disk", "-o", "size=256k") as disk:
        writer = make_writer(disk, SpoolLimits(segment_bytes=16 * KIB, full_timeout_seconds=0))
        topic = Topic()
        drain = Drain(disk, FakeSink(topic))
        drain.open()
        said = 0
        for _ in range(2):  # the cursor exists before the disk is full
            said += append(writer, b"early")
            while drain.step():
                pass
            drain.save()
        while append(writer, (b"%d " % said).ljust(3000)):
            said += 1
        while drain.step():
            pass
        drain.save()
        assert len(topic.records) == said
        assert wait_for(lambda: append(writer, b"room again"), "room")
        while drain.step():
            pass
        assert topic.values[-1] == b"room again"
        writer.close()
        drain.close()


# --- the END of a service that was killed -------------------------------------------------------


def ends(topic: Topic) -> list[str]:
    return [one.stream for one in topic.records if one.kind == Kind.END]


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
    """Also when the next run speaks meanwhile: END comes after everything of its task."""
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


# --- crashes ------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process is gone; only what is on disk and in the topic stays."""


class Countdown:
    """Raises `Crash` at the n-th step; never if n is 0."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.steps = 0

    def __call__(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Crash


def _crashable(monkeypatch) -> Callable[[Countdown], None]:
    """Have every change of the disk be a step, too."""
    current: list[Countdown] = [Countdown()]

    def stepping(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def call(*args, **kwargs):
            current[0]()
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    for name in ("write", "fsync"):
        stepping(os, name)
    for name in ("rename", "unlink"):
        stepping(Path, name)
    monkeypatch.setattr("dubhe_sidecar.drain._SAVE_SECONDS", 0.0)
    return lambda countdown: current.__setitem__(0, countdown)


@pytest.fixture
def crashable(monkeypatch) -> Callable[[Countdown], None]:
    return _crashable(monkeypatch)


def lay_out(directory: Path) -> None:
    """A killed service with a rank, several segments, drops, damage, and a record to refuse.

    Behind it the next run of the same instance.
    """
    directory.mkdir()
    put(directory, "service", 1, [Kind.READY, Kind.START], time_ns=1, dropped=1)
    put(directory, "service", 2, [], dropped=10)
    put(directory, "service", 3, [Kind.PROGRESS] * 3, seq=3, time_ns=20, dropped=100)
    put(directory, "rank", 1, [], dropped=1000)
    torn = put(directory, "rank", 2, [Kind.PROGRESS, Kind.RESULT, Kind.RESULT], time_ns=10)
    with torn.open("ab") as file:
        file.write(b"\xd8\xbe torn")
    put(directory, "rank", 3, [Kind.RESULT], seq=4, time_ns=30)
    put(directory, "next", 1, [Kind.READY, Kind.START, Kind.END], time_ns=40, service="next")


EXPECTED = [
    *[("service", 1), ("service", 2), ("rank", 1), ("rank", 2)],
    *[("service", 3), ("service", 4), ("service", 5), ("rank", 4), ("service", 6)],
    *[("next", 1), ("next", 2), ("next", 3)],
]


def refuse(one) -> str | None:
    return "too large" if (one.stream, one.seq) == ("rank", 3) else None


def crash_at(directory: Path, topic: Topic, countdown: Countdown, crashable) -> bool:
    """Run a drain to its end or its crash; return whether it came to its end."""
    crashable(countdown)
    try:
        run(directory, topic, rejects=refuse, step=countdown)
    except Crash:
        return False
    finally:
        crashable(Countdown())
    return True


def check(directory: Path, topic: Topic) -> None:
    assert topic.identities == EXPECTED
    assert ends(topic) == ["service", "next"]
    assert segments(directory) == []
    assert [(e["stream"], e["seq"]) for e in dead_letters.read(directory)] == [("rank", 3)]
    counted = totals(directory)
    assert (counted.delivered, counted.rejected) == (12, 1)
    assert (counted.dropped, counted.skipped_bytes) == (1111, 7)
    assert cursors.load(directory).streams == {}


@pytest.mark.slow
def test_a_crash_at_any_step_loses_nothing_and_repeats_nothing(tmp_path, crashable):
    whole = Countdown()
    lay_out(tmp_path / "whole")
    topic = Topic()
    assert crash_at(tmp_path / "whole", topic, whole, crashable)
    check(tmp_path / "whole", topic)
    assert whole.steps > 60
    for at in range(1, whole.steps + 1):
        directory, topic = tmp_path / str(at), Topic()
        lay_out(directory)
        assert not crash_at(directory, topic, Countdown(at), crashable)
        assert crash_at(directory, topic, Countdown(), crashable)
        assert crash_at(directory, topic, Countdown(), crashable)
        check(directory, topic)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(crashes=st.lists(st.integers(1, 70), max_size=10))
def test_crash_after_crash_loses_nothing_and_repeats_nothing(tmp_path_factory, crashes):
    with pytest.MonkeyPatch.context() as monkeypatch:
        crashable = _crashable(monkeypatch)
        directory, topic = tmp_path_factory.mktemp("crashes") / "spool", Topic()
        lay_out(directory)
        for at in crashes:
            crash_at(directory, topic, Countdown(at), crashable)
        assert crash_at(directory, topic, Countdown(), crashable)
        assert crash_at(directory, topic, Countdown(), crashable)
        check(directory, topic)


def test_a_task_whose_stream_was_lost_gets_its_end_once(tmp_path):
    """A power cut may leave the cursor and take the files; the platform still waits for the END."""
    topic = Topic()
    writer = make_writer(tmp_path)
    tell(writer, 1, Kind.START)
    tell(writer, 2)
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
