"""One stream, read while it may still grow, with every kind of damage."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.spool import frame, reader, segment
from dubhe_sdk.spool.create import create_segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.reader import StreamReader
from dubhe_sdk.spool.segment import BadSegment
from tests.dubhe_sdk.spool.helpers import (
    KIB,
    FakeTime,
    append,
    child,
    description,
    first_offset,
    flip_bit,
    make_writer,
    read_stream,
    segments,
    spoil_description,
)

STREAM = "writer-1"
FIELDS = {
    "magic": 0,
    "version": 2,
    "kind": 3,
    "length, low": 4,
    "length, middle": 5,
    "length, high": 7,
    "seq": 8,
    "time": 16,
    "date": 24,
    "batch": 32,
    "batches": 36,
    "checksum": 40,
    "payload": 44,
    "payload's end": 53,
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(reader, "monotonic_ns", fake)
    return fake


class Stream:
    """A stream made of bytes, its lock held or not."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.number = 0
        self.fd = -1
        self.seq = 0
        self.ends: list[int] = []
        self.readers: list[StreamReader] = []
        self.roll()

    @property
    def path(self) -> Path:
        return self.directory / segment.file_name(STREAM, self.number)

    def roll(self) -> None:
        old = self.fd
        self.number += 1
        self.fd, first = create_segment(self.directory, description(STREAM), self.number)
        self.ends = [first]
        if old >= 0:
            os.close(old)

    def add(self, count: int = 1, size: int = 10) -> None:
        for _ in range(count):
            self.seq += 1
            value = (b"%d " % self.seq).ljust(size, b"x")
            self.raw(frame.encode(Kind.RESULT, self.seq, self.seq, 1, value))
            self.ends.append(os.fstat(self.fd).st_size)

    def raw(self, data: bytes) -> None:
        assert os.write(self.fd, data) == len(data)

    def die(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def open(self, number: int = 1, offset: int = 0) -> StreamReader:
        self.readers.append(StreamReader(self.directory, STREAM, number, offset))
        return self.readers[-1]

    def close(self) -> None:
        for one in self.readers:
            one.close()
        self.die()


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    made = Stream(tmp_path)
    yield made
    made.close()


def seqs(frames: list[frame.Frame]) -> list[int]:
    return [one.seq for one in frames]


def test_reads_what_was_written_and_what_comes_later(stream):
    stream.add(3)
    follower = stream.open()
    assert seqs(read_stream(follower)) == [1, 2, 3]
    assert follower.read() == []
    stream.add(2)
    assert seqs(read_stream(follower)) == [4, 5]
    assert not follower.ended
    stream.die()
    assert follower.read() == []
    assert follower.ended
    assert follower.description == description(STREAM)
    follower.close()


def test_begins_at_any_position(stream):
    stream.add(5)
    stream.die()
    for done, offset in enumerate(stream.ends):
        assert seqs(read_stream(stream.open(offset=offset))) == list(range(done + 1, 6))


def test_frames_have_the_position_behind_them(stream):
    stream.add(5)
    assert [one.end for one in read_stream(stream.open())] == stream.ends[1:]


def test_goes_through_all_segments(stream):
    for _ in range(4):
        stream.add(3)
        stream.roll()
    stream.die()
    follower = stream.open()
    frames = []
    places = []
    while more := follower.read():
        frames += more
        places.append(follower.number)
    assert seqs(frames) == list(range(1, 13))
    assert places == [1, 2, 3, 4]
    assert follower.ended
    assert follower.number == 5


def test_a_missing_segment_is_passed_over(stream):
    for _ in range(3):
        stream.add(1)
        stream.roll()
    stream.die()
    (stream.directory / segment.file_name(STREAM, 2)).unlink()
    assert seqs(read_stream(stream.open())) == [1, 3]


def test_reads_in_pieces_of_bounded_size_and_frames_of_any_size(stream):
    stream.add(3, size=300 * KIB)
    stream.add(1, size=3000 * KIB)
    stream.add(2, size=300 * KIB)
    stream.die()
    follower = stream.open()
    pieces = []
    while piece := follower.read():
        pieces.append(seqs(piece))
    assert pieces == [[1], [2], [3], [4], [5], [6]]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("held", [True, False], ids=["writer lives", "writer dead"])
def test_a_flipped_bit_costs_its_frame_alone(stream, clock, field, held):
    stream.add(5)
    start, end = stream.ends[2], stream.ends[3]
    flip_bit(stream.path, start + FIELDS[field], bit=6)
    if not held:
        stream.die()
    follower = stream.open()
    assert seqs(follower.read()) == [1, 2]
    if held:
        assert follower.read() == []
        clock.advance(3)
    assert seqs(read_stream(follower)) == [4, 5]
    assert follower.skipped_bytes == end - start
    assert follower.ended is not held


def test_damage_in_several_places(stream):
    stream.add(20)
    for number in (0, 7, 8, 15):
        flip_bit(stream.path, stream.ends[number] + 20)
    stream.die()
    follower = stream.open()
    assert seqs(read_stream(follower)) == [n for n in range(1, 21) if n not in (1, 8, 9, 16)]
    assert follower.skipped_bytes == 4 * (frame.OVERHEAD + 10)


@pytest.mark.parametrize("head_bytes", [1, 2, 5, 43, 44, 45])
def test_the_next_frame_is_found_across_the_pieces_in_which_it_is_searched(stream, head_bytes):
    """The search reads 512 KiB at a time; the next frame's head lies across that border."""
    chunk = 512 * KIB
    stream.add(1, size=chunk + 1 - head_bytes - frame.OVERHEAD)
    stream.add(2)
    flip_bit(stream.path, stream.ends[0])
    stream.die()
    assert stream.ends[1] - (stream.ends[0] + 1) == chunk - head_bytes
    follower = stream.open()
    assert seqs(read_stream(follower)) == [2, 3]
    assert follower.skipped_bytes == stream.ends[1] - stream.ends[0]


def test_the_magic_within_a_damaged_frame_is_no_frame(stream):
    stream.raw(frame.encode(Kind.RESULT, 1, 1, 1, b"\xd8\xbe\x01" * 50 + b"\xd8"))
    stream.add(1)
    flip_bit(stream.path, stream.ends[0] + 8)
    stream.die()
    assert seqs(read_stream(stream.open())) == [1]


@pytest.mark.parametrize("missing", [1, 9, 10, 11, 53])
def test_a_truncated_tail(stream, missing):
    """Under a held lock it is a write in progress; without one it is the end."""
    stream.add(2)
    whole = frame.encode(Kind.RESULT, 3, 3, 1, b"0123456789")
    stream.raw(whole[:-missing])
    follower = stream.open()
    assert seqs(read_stream(follower)) == [1, 2]
    assert follower.read() == []
    assert not follower.ended
    stream.raw(whole[-missing:])
    assert seqs(read_stream(follower)) == [3]
    stream.raw(whole[:-missing])
    stream.die()
    assert follower.read() == []
    assert follower.ended
    assert follower.skipped_bytes == len(whole) - missing


def test_a_write_in_progress_is_waited_for_however_long_it_takes(stream, clock):
    whole = frame.encode(Kind.RESULT, 1, 1, 1, b"x" * 100 * KIB)
    stream.raw(whole[: 50 * KIB])
    follower = stream.open()
    for _ in range(5):
        assert follower.read() == []
        clock.advance(10)
    stream.raw(whole[50 * KIB :])
    assert seqs(read_stream(follower)) == [1]
    assert follower.skipped_bytes == 0


@pytest.mark.parametrize("zeros", [1, 44, 4096, 600 * KIB])
def test_a_zero_filled_tail(stream, clock, zeros):
    """What a power failure may leave: the length was written, the bytes were not."""
    stream.add(2)
    stream.raw(b"\0" * zeros)
    follower = stream.open()
    assert seqs(read_stream(follower)) == [1, 2]
    clock.advance(10)
    assert follower.read() == []
    assert not follower.ended
    stream.die()
    assert follower.read() == []
    assert follower.ended
    assert follower.skipped_bytes == zeros


def test_a_bad_tail_before_the_next_segment(stream):
    """A write that failed, where even cutting it off did."""
    stream.add(2)
    stream.raw(frame.encode(Kind.RESULT, 3, 3, 1, b"0123456789")[:-3])
    stream.roll()
    stream.add(2)
    follower = stream.open()
    assert seqs(read_stream(follower)) == [1, 2, 3, 4]
    assert follower.skipped_bytes == frame.OVERHEAD + 7
    assert not follower.ended


def test_a_file_that_became_shorter_than_the_position(stream):
    stream.add(5)
    stream.die()
    os.truncate(stream.path, stream.ends[2])
    follower = stream.open(offset=stream.ends[4])
    assert follower.read() == []
    assert follower.ended


def test_damaged_header_of_the_first_segment_is_reported(stream):
    stream.add(1)
    spoil_description(stream.path)
    with pytest.raises(BadSegment, match="checksum"):
        stream.open()


@pytest.mark.parametrize("held", [True, False], ids=["writer lives", "writer dead"])
def test_damaged_header_of_a_later_segment_costs_no_frame(stream, clock, held):
    stream.add(2)
    stream.roll()
    stream.add(2)
    spoil_description(stream.path)
    header = stream.ends[0]
    if not held:
        stream.die()
    follower = stream.open()
    assert seqs(follower.read()) == [1, 2]
    if held:
        assert follower.read() == []
        clock.advance(3)
    assert seqs(read_stream(follower)) == [3, 4]
    assert follower.skipped_bytes == header
    assert follower.description == description(STREAM)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        StreamReader(tmp_path, "nobody", 1)


def test_dropped_is_read_from_the_current_segment(stream):
    stream.add(1)
    follower = stream.open()
    assert follower.dropped == 0
    os.pwrite(stream.fd, segment.encode_dropped(7), segment.DROPPED_OFFSET)
    assert follower.dropped == 7
    follower.sync()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=200), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 7)), max_size=3),
    st.integers(0, 60),
)
def test_undamaged_frames_are_read_whatever_happens_to_the_others(
    tmp_path_factory, values, flips, cut
):
    directory = tmp_path_factory.mktemp("stream")
    made = Stream(directory)
    bounds = []
    for seq, value in enumerate(values, 1):
        start = os.fstat(made.fd).st_size
        made.raw(frame.encode(Kind.RESULT, seq, seq, 1, value))
        bounds.append((start, os.fstat(made.fd).st_size))
    made.die()
    size = bounds[-1][1] - min(cut, bounds[-1][1] - bounds[0][0])
    os.truncate(made.path, size)
    hit: set[tuple[int, int]] = set()
    for offset, bit in flips:
        at = bounds[0][0] + offset
        if at < size:
            hit ^= {(at, bit)}
            flip_bit(made.path, at, bit)
    expected = [
        value
        for value, (start, end) in zip(values, bounds, strict=True)
        if end <= size and not any(start <= at < end for at, _ in hit)
    ]
    follower = StreamReader(directory, STREAM, 1)
    read = read_stream(follower)
    assert [one.value for one in read] == expected
    assert follower.ended
    kept = sum(frame.OVERHEAD + len(value) for value in expected)
    assert follower.skipped_bytes == size - first_offset(made.path) - kept


def test_follows_a_living_writer_through_many_segments(tmp_path):
    """The reader runs at full speed beside the writer; nothing is mistaken for damage."""
    with child("append_for_ever", tmp_path, 3000) as writer:
        writer.line()
        (first,) = segments(tmp_path)[:1]
        name = segment.parse_name(first.name)
        assert name is not None
        follower = StreamReader(tmp_path, name[0], 1)
        read: list[int] = []
        deadline = time.monotonic() + 30
        while follower.number < 4 and time.monotonic() < deadline:
            read += seqs(follower.read())
        assert follower.number == 4
        writer.kill()
        told = writer.rest()
    read += seqs(read_stream(follower))
    assert read == list(range(1, len(read) + 1))
    assert len(read) >= int(told[-1])
    assert follower.ended


def test_writer_and_reader_agree_on_small_segments(tmp_path):
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=KIB))
    for number in range(50):
        append(writer, number)
    follower = StreamReader(tmp_path, writer.stream, 1)
    assert [int(one.value) for one in read_stream(follower)] == list(range(50))
    assert follower.number > 2
    writer.close()
    assert follower.read() == []
    assert follower.ended
