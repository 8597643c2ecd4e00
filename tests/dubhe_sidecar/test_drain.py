"""Spool → sink: each record once and in order."""

from __future__ import annotations

import pytest

from dubhe_sdk.spool import segment
from dubhe_sdk.spool.destination import Destination
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
    make_writer,
    mounted,
    segments,
)
from tests.dubhe_sidecar.drain_helpers import put, run, totals
from tests.dubhe_sidecar.helpers import FakeSink, Topic, append_number
from tests.support.journal import read_journal
from tests.support.waiting import wait_for


def test_delivers_in_order_and_leaves_nothing(tmp_path):
    writers = [make_writer(tmp_path) for _ in range(3)]
    for number in range(60):
        append_number(writers[number % 3], number)
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
        append_number(writer, number)
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
        append_number(writer, number)

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
    append_number(writer, 200)
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
        append_number(writer, number, kind)
    writer.close()
    on_the_way: list[tuple[Kind, list[Kind]]] = []

    class Watched(FakeSink):
        def send(self, records):
            before = [Kind(one.record.kind) for one in self._waiting]
            on_the_way.extend((Kind(record.kind), before) for record in records)
            super().send(records)

    drain = Drain(tmp_path, Watched(Topic()))
    drain.open()
    while drain.step():
        pass
    drain.close()
    assert [kind for kind, _ in on_the_way] == kinds
    for kind, others in on_the_way:
        assert Kind.START not in others
        assert kind is not Kind.END or others == []


def test_how_far_the_destination_has_grown_is_saved_while_idle(tmp_path):
    in_flight: list[int] = []

    class Growing(FakeSink):
        def advance(self) -> bool:
            in_flight.append(self.in_flight)
            self._offset += 1000
            return True

    writer = make_writer(tmp_path)
    append_number(writer, 1)
    sink = Growing(Topic())
    drain = Drain(tmp_path, sink)
    drain.open()
    while drain.step():
        pass
    drain.save()
    assert set(in_flight) == {0}
    assert cursors.load(tmp_path).sinks["fake"]["offset"] >= 1000
    writer.close()
    drain.abandon()


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
        append_number(writer, number)
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


def test_streams_that_end_under_load_are_deleted_all_the_same(tmp_path):
    """Somebody always has something on its way; nobody else waits for that with its files."""
    busy = make_writer(tmp_path)
    topic = Topic()
    drain = Drain(tmp_path, FakeSink(topic, portion=1))
    drain.open()
    put(tmp_path, "ended", 1, [Kind.RESULT])
    for number in range(50):
        for _ in range(2):  # more than the sink shows of
            append_number(busy, number)
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
    append_number(writer, 1)
    assert opened_with() == (None, True)
    assert opened_with() == ({"offset": 1}, False)
    append_number(writer, 2)
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
        destination = Destination("other")

    sink = Other(Topic())
    drain = Drain(tmp_path, sink)
    drain.open()
    assert sink.opened_with == (None, True)
    drain.step()
    drain.close()
    after = cursors.load(tmp_path)
    assert after.sink_name == "other place"
    assert after.sinks == {"fake": {"offset": 1}, "other": {"offset": 1}}


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
