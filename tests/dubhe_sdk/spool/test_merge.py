"""All streams as one row: in the order in which things were said, whatever happens to writers."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dubhe_sdk.spool import frame, segment
from dubhe_sdk.spool.create import create_segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.merge import SpooledFrame, SpoolReader
from dubhe_sdk.spool.writer import SpoolWriter
from tests.dubhe_sdk.spool.helpers import (
    KIB,
    FakeTime,
    append,
    child,
    description,
    fail_on_damage,
    first_offset,
    is_growing,
    make_writer,
    numbers,
    read_spool,
    segments,
    spoil_description,
)
from tests.support.waiting import wait_for


def put(
    directory: Path, stream: str, times: list[int], *, number: int = 1, alive: bool = False, **more
) -> int:
    """Make a segment with frames of given times, valued by them."""
    fd, _ = create_segment(directory, description(stream, **more), number)
    for seq, at in enumerate(times, 100 * number):
        os.write(fd, frame.encode(Kind.RESULT, seq, at, 1, b"%d" % at))
    if not alive:
        os.close(fd)
    return fd


def test_an_empty_spool(tmp_path):
    reader = SpoolReader(tmp_path, {}, fail_on_damage)
    assert reader.read() == []
    assert reader.ended == frozenset()


def test_streams_are_merged_by_time(tmp_path):
    put(tmp_path, "a", [10, 40, 50])
    put(tmp_path, "b", [20, 30, 60])
    put(tmp_path, "c", [])
    reader = SpoolReader(tmp_path, {}, fail_on_damage)
    out: list[SpooledFrame] = []
    while frames := reader.read():
        out += frames
    assert numbers(out) == [10, 20, 30, 40, 50, 60]
    assert [one.stream for one in out] == ["a", "b", "b", "a", "a", "b"]
    assert reader.ended == {"a", "b", "c"}


def test_streams_longer_than_one_read_are_merged_by_time_too(tmp_path):
    """More is waiting than is read at once; nothing later may come before it."""
    writers = [make_writer(tmp_path, SpoolLimits(segment_bytes=200 * KIB)) for _ in range(3)]
    for number in range(600):
        append(writers[number % 7 % 3], (b"%d " % number).ljust(5000, b"x"))
    assert numbers(read_spool(tmp_path)) == list(range(600))


def test_what_is_reported_after_the_pass_began_waits_for_the_next(tmp_path, monkeypatch):
    fd = put(tmp_path, "a", [10], alive=True)
    os.write(fd, frame.encode(Kind.RESULT, 101, time.monotonic_ns() + 10**12, 1, b"99"))
    reader = SpoolReader(tmp_path, {}, fail_on_damage)
    assert numbers(reader.read()) == [10]
    assert reader.read() == []
    os.close(fd)
    assert reader.read() == []
    assert reader.ended == frozenset(), "a frame has not been given out"
    later = time.monotonic_ns() + 2 * 10**12
    monkeypatch.setattr("dubhe_sdk.spool.merge.monotonic_ns", lambda: later)
    assert numbers(reader.read()) == [99]
    assert reader.read() == []
    assert reader.ended == {"a"}


def test_earlier_boots_come_first_in_their_order(tmp_path):
    """Their clock readings say nothing about this boot's."""
    put(tmp_path, "now", [5])
    put(tmp_path, "last", [900, 910], boot_id="boot-2", wall_ns=2000)
    put(tmp_path, "lasts-other", [905], boot_id="boot-2", wall_ns=1500)
    put(tmp_path, "first", [700], boot_id="boot-1", wall_ns=1000)
    assert numbers(read_spool(tmp_path)) == [700, 900, 905, 910, 5]


def test_a_stream_of_another_boot_that_reports_nothing_holds_nobody_up(tmp_path):
    fd = put(tmp_path, "elsewhere", [], boot_id="boot-1", wall_ns=1, alive=True)
    put(tmp_path, "here", [5])
    assert numbers(read_spool(tmp_path)) == [5]
    os.close(fd)


def test_foreign_files_are_ignored(tmp_path):
    put(tmp_path, "a", [10])
    for name in ("cursor.json", "notes.txt", "a.1.seg", ".a.00000002.seg.new", "A.00000001.seg"):
        (tmp_path / name).write_bytes(b"foreign")
    (tmp_path / "folder").mkdir()
    assert numbers(read_spool(tmp_path)) == [10]


def test_streams_can_be_left_alone(tmp_path):
    put(tmp_path, "a", [10])
    put(tmp_path, "b", [20])
    reader = SpoolReader(tmp_path, {}, fail_on_damage, ignore=lambda stream: stream == "a")
    assert numbers(reader.read()) == [20]
    assert reader.streams == ["b"]


def test_begins_at_positions(tmp_path):
    for number, times in enumerate(([1, 2], [3, 4], [5, 6]), 1):
        put(tmp_path, "a", times, number=number)
    put(tmp_path, "b", [0, 9])
    (behind_3,) = (s.frame.end for s in read_spool(tmp_path) if s.frame.time_ns == 3)
    assert numbers(read_spool(tmp_path, {"a": (2, behind_3)})) == [0, 4, 5, 6, 9]
    assert numbers(read_spool(tmp_path, {"a": (3, 0)})) == [0, 5, 6, 9]


def test_a_position_in_a_segment_that_is_gone(tmp_path):
    for number, times in enumerate(([1], [2], [3]), 1):
        put(tmp_path, "a", times, number=number)
    segments(tmp_path)[1].unlink()
    assert numbers(read_spool(tmp_path, {"a": (2, 500)})) == [3]
    assert numbers(read_spool(tmp_path, {"a": (4, 0)})) == []


def test_a_stream_whose_first_header_is_damaged_is_reported_once_and_kept(tmp_path):
    put(tmp_path, "bad", [10])
    put(tmp_path, "good", [20])
    spoil_description(tmp_path / "bad.00000001.seg")
    told: list[str] = []
    reader = SpoolReader(tmp_path, {}, told.append)
    assert numbers(reader.read()) == [20]
    for _ in range(3):
        assert reader.read() == []
    assert len(told) == 1
    assert "bad" in told[0]
    assert "checksum" in told[0]
    assert reader.ended == {"good"}
    assert (tmp_path / "bad.00000001.seg").exists()


def test_a_later_damaged_header_costs_nothing(tmp_path):
    put(tmp_path, "a", [10, 20])
    put(tmp_path, "a", [30, 40], number=2)
    spoil_description(tmp_path / "a.00000002.seg")
    frames = read_spool(tmp_path)
    assert numbers(frames) == [10, 20, 30, 40]
    assert {spooled.description for spooled in frames} == {description("a")}


def test_a_stream_that_was_forgotten_and_deleted_does_not_come_back(tmp_path):
    put(tmp_path, "a", [10])
    reader = SpoolReader(tmp_path, {}, fail_on_damage)
    reader.read()
    reader.read()
    assert reader.ended == {"a"}
    assert reader.stream("a").ended
    reader.forget("a")
    (tmp_path / "a.00000001.seg").unlink()
    assert reader.read() == []
    assert reader.streams == []
    assert reader.ended == frozenset()
    with pytest.raises(KeyError):
        reader.stream("a")


def test_a_killed_writers_stream_ends(tmp_path):
    with child("hold", tmp_path, 3) as writer:
        name = writer.line()
        reader = SpoolReader(tmp_path, {}, fail_on_damage)
        assert numbers(reader.read()) == [0, 1, 2]
        assert reader.read() == []
        assert reader.ended == frozenset()
        writer.kill()
    assert reader.read() == []
    assert reader.ended == {name}
    reader.close()


@pytest.mark.parametrize("count", [2, 5])
def test_the_order_in_which_processes_spoke_is_kept(tmp_path, count):
    """A token goes round; who has it speaks. The reader runs at the same time."""
    spool, stop = tmp_path / "spool", tmp_path / "stop"
    spool.mkdir()
    pipes = [os.pipe() for _ in range(count)]
    rings = []
    for index in range(count):
        rings.append(
            child(
                "ring",
                *(spool, 4, stop),
                stdin=pipes[index][0],
                stdout=pipes[(index + 1) % count][1],
            )
        )
    processes = [ring.__enter__() for ring in rings]
    try:
        reader = SpoolReader(spool, {}, fail_on_damage)
        os.write(pipes[0][1], b"0\n")
        for pair in pipes:
            for fd in pair:
                os.close(fd)
        read: list[int] = []
        deadline = time.monotonic() + 60
        while len(read) < 5000 and time.monotonic() < deadline:
            read += numbers(reader.read())
        stop.touch()
        for process in processes:
            assert process.wait() == 0
        while frames := reader.read():
            read += numbers(frames)
        assert read == list(range(int(stop.read_text())))
        assert len(read) >= 5000
        assert len(reader.ended) == count
    finally:
        for ring in rings:
            ring.__exit__(None, None, None)


# --- writers and a reader against a model -------------------------------------------------------

SEGMENT_BYTES = 2 * KIB


class SpoolMachine(RuleBasedStateMachine):
    """Appends, deaths with every kind of tail, reader restarts, deletions.

    The model is the list of values in the order of speaking. What a power failure cut off before
    it was read leaves it again.
    """

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.number = 0
        self.writers: list[SpoolWriter] = []
        self.said: dict[str, list[tuple[int, int, int]]] = {}  # stream: number, segment, end
        self.read_numbers: list[int] = []
        self.lost: set[int] = set()
        self.positions: dict[str, tuple[int, int]] = {}
        self.reader = self.new_reader()

    def new_reader(self) -> SpoolReader:
        return SpoolReader(self.directory, self.positions, fail_on_damage)

    @rule(writer=st.integers(0, 2), sizes=st.lists(st.integers(0, 900), min_size=1, max_size=5))
    def append(self, writer: int, sizes: list[int]) -> None:
        while len(self.writers) <= writer:
            self.writers.append(
                make_writer(self.directory, SpoolLimits(segment_bytes=SEGMENT_BYTES))
            )
        one = self.writers[writer]
        for size in sizes:
            assert append(one, b"%d " % self.number + b"x" * size)
            last = segments(self.directory, one.stream)[-1]
            _, place = segment.parse_name(last.name)  # type: ignore[misc]
            self.said.setdefault(one.stream, []).append((self.number, place, last.stat().st_size))
            self.number += 1

    @precondition(lambda self: any(w.stream for w in self.writers))
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """End a writer; then do to its last segment what a kill or a power failure may do."""
        one = data.draw(st.sampled_from([w for w in self.writers if w.stream]))
        stream = one.stream
        one.close()
        self.writers.remove(one)
        path = segments(self.directory, stream)[-1]
        _, place = segment.parse_name(path.name)  # type: ignore[misc]
        size = path.stat().st_size
        tail = data.draw(st.sampled_from(["clean", "torn", "zeros", "cut", "cut and zeros"]))
        if tail == "torn":
            whole = frame.encode(Kind.RESULT, 1, 2**62, 1, b"x" * 50)
            with path.open("ab") as file:
                file.write(whole[: data.draw(st.integers(1, len(whole) - 1))])
        elif tail == "zeros":
            os.truncate(path, size + data.draw(st.integers(1, 5000)))
        elif tail.startswith("cut"):
            cut = data.draw(st.integers(first_offset(path), size))
            os.truncate(path, cut)
            if tail.endswith("zeros"):
                os.truncate(path, size)
            self.lost |= {
                number
                for number, where, end in self.said[stream]
                if where == place and end > cut and number not in self.read_numbers
            }

    @rule()
    def read(self) -> None:
        for spooled in self.reader.read():
            number = int(spooled.frame.value.split()[0])
            # A power failure may cut off what this reader had in memory; it was said for all that.
            self.lost.discard(number)
            self.read_numbers.append(number)
            self.positions[spooled.stream] = (spooled.number, spooled.frame.end)

    @rule()
    def restart_reader(self) -> None:
        self.reader.close()
        self.reader = self.new_reader()

    @rule()
    def delete_what_was_read(self) -> None:
        for path in segments(self.directory):
            stream, number = segment.parse_name(path.name)  # type: ignore[misc]
            if number < self.positions.get(stream, (0, 0))[0]:
                path.unlink()

    @rule()
    def finish_ended_streams(self) -> None:
        for stream in self.reader.ended:
            self.reader.forget(stream)
            for path in segments(self.directory, stream):
                path.unlink()

    @invariant()
    def everything_comes_once_and_in_order(self) -> None:
        assert self.read_numbers == sorted(set(self.read_numbers))

    def teardown(self) -> None:
        for writer in self.writers:
            writer.close()
        while self._read_more():
            pass
        assert self.read_numbers == sorted(set(self.read_numbers))
        assert set(self.read_numbers) | self.lost == set(range(self.number))
        assert not set(self.read_numbers) & self.lost
        assert self.reader.ended == set(self.reader.streams)
        assert not any(is_growing(path) for path in segments(self.directory))
        self.reader.close()
        shutil.rmtree(self.directory)

    def _read_more(self) -> bool:
        before = len(self.read_numbers)
        self.read()
        return len(self.read_numbers) > before


SpoolMachine.TestCase.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, print_blob=True
)
TestSpoolMachine = SpoolMachine.TestCase


def test_reading_costs_no_descriptors_in_the_long_run(tmp_path):
    reader = SpoolReader(tmp_path, {}, fail_on_damage)
    for number in range(50):
        writer = make_writer(tmp_path)
        append(writer, number)
        stream = writer.stream
        writer.close()
        assert numbers(wait_for(reader.read, "the frame")) == [number]
        wait_for(lambda: reader.read() or reader.ended, "the end")
        reader.forget(stream)
        segments(tmp_path, stream)[0].unlink()
        del writer
    assert len([fd for fd in os.listdir("/proc/self/fd") if str(tmp_path) in _target(fd)]) == 0


def _target(fd: str) -> str:
    try:
        return str(Path("/proc/self/fd", fd).readlink())
    except OSError:
        return ""


def test_a_stream_that_the_disk_does_not_give_is_tried_again_and_holds_nobody_up(
    tmp_path, monkeypatch
):
    clock = FakeTime()
    clock.now = time.monotonic_ns()
    monkeypatch.setattr("dubhe_sdk.spool.merge.monotonic_ns", clock)
    put(tmp_path, "bad", [10, 20])
    put(tmp_path, "good", [30])
    real, refused = os.pread, True
    bad = (tmp_path / "bad.00000001.seg").stat().st_ino
    tries = 0

    def pread(fd: int, size: int, offset: int) -> bytes:
        nonlocal tries
        # The header can be read and the frames cannot, as with a bad sector in the middle.
        if os.fstat(fd).st_ino == bad and offset > segment.PREFIX.size:
            tries += 1
            if refused:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(fd, size, offset)

    monkeypatch.setattr("dubhe_sdk.spool.reader.os.pread", pread)
    told: list[str] = []
    reader = SpoolReader(tmp_path, {}, told.append)
    assert numbers(reader.read()) == [30]
    for _ in range(50):
        assert reader.read() == []
    assert tries == 1, "not before its time"
    for _ in range(200):
        clock.advance(1)
        assert reader.read() == []
    assert 5 < tries < 12, "ever less often"
    assert len(told) == 1
    assert "Input/output error" in told[0]
    assert "tried again" in told[0]
    assert reader.ended == {"good"}
    refused = False
    clock.advance(61)
    assert numbers(reader.read()) == [10, 20]
    assert reader.read() == []
    assert reader.ended == {"bad", "good"}


def test_a_stream_is_read_as_soon_as_it_is_accepted(tmp_path):
    writers = {launch: make_writer(tmp_path, launch=launch) for launch in ("one", "other")}
    for writer in writers.values():
        append(writer, 1)
    accepted = {"one"}
    reader = SpoolReader(
        tmp_path, {}, fail_on_damage, accept=lambda name, described: described.launch in accepted
    )

    def read() -> list[str]:
        return [spooled.stream for spooled in reader.read()]

    assert read() == [writers["one"].stream]
    append(writers["other"], 2)
    assert read() == []
    assert reader.streams == [writers["one"].stream]
    accepted.add("other")
    assert read() == [writers["other"].stream] * 2
    reader.close()
