"""Streams and segments of one writer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from dubhe_sdk.spool import segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from tests.dubhe_sdk.spool.helpers import (
    DATE_MS,
    KIB,
    MIB,
    append,
    description,
    dropped_in,
    is_growing,
    make_writer,
    numbers,
    read_spool,
    segments,
)
from tests.support.environ import clean_environ


def test_what_was_reported_can_be_read(tmp_path):
    writer = make_writer(tmp_path / "made" / "spool")
    begin = time.monotonic_ns()
    assert writer.append(Kind.START, b'{"a":1}', DATE_MS)
    assert writer.append(Kind.PROGRESS, b'{"b":2}', DATE_MS + 1, 3, 29)
    assert writer.append(Kind.RESULT, b"", DATE_MS + 2)
    end = time.monotonic_ns()
    frames = read_spool(tmp_path / "made" / "spool")
    assert [
        (f.kind, f.seq, f.date_ms, f.batch, f.batches, f.value)
        for f in (spooled.frame for spooled in frames)
    ] == [
        (Kind.START, 1, DATE_MS, 0, 0, b'{"a":1}'),
        (Kind.PROGRESS, 2, DATE_MS + 1, 3, 29, b'{"b":2}'),
        (Kind.RESULT, 3, DATE_MS + 2, 0, 0, b""),
    ]
    times = [spooled.frame.time_ns for spooled in frames]
    assert begin < times[0] < times[1] < times[2] < end
    assert {spooled.stream for spooled in frames} == {writer.stream}
    assert {spooled.description for spooled in frames} == {description(writer.stream)}


def test_makes_no_stream_before_it_has_something_to_report(tmp_path):
    writer = make_writer(tmp_path)
    assert segments(tmp_path) == []
    assert writer.stream == ""
    append(writer, 1)
    assert [path.name for path in segments(tmp_path)] == [segment.file_name(writer.stream, 1)]


def test_a_closed_writer_begins_a_new_stream(tmp_path):
    writer = make_writer(tmp_path)
    append(writer, 1)
    first = writer.stream
    writer.close()
    assert not is_growing(segments(tmp_path, first)[0])
    append(writer, 2)
    assert writer.stream not in ("", first)
    assert numbers(read_spool(tmp_path)) == [1, 2]


def test_a_paused_writer_accepts_nothing_until_it_goes_on(tmp_path):
    writer = make_writer(tmp_path)
    assert writer.append(Kind.PROGRESS, b"1", DATE_MS)
    writer.pause()
    writer.pause()
    for kind in (Kind.PROGRESS, Kind.RESULT):
        assert not writer.append(kind, b"late", DATE_MS)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if writer.append(Kind.PROGRESS, b"child", DATE_MS) else 1)
    assert os.waitpid(pid, 0)[1] == 0
    writer.resume()
    assert writer.append(Kind.RESULT, b"2", DATE_MS)
    writer.close()
    values = sorted(spooled.frame.value for spooled in read_spool(tmp_path))
    assert values == [b"1", b"2", b"child"]


def test_segments_roll_and_numbers_go_on(tmp_path):
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=4 * KIB))
    for number in range(1, 301):
        assert append(writer, b"%d " % number + b"x" * 60)
    paths = segments(tmp_path, writer.stream)
    assert [segment.parse_name(p.name) for p in paths] == [
        (writer.stream, n) for n in range(1, len(paths) + 1)
    ]
    assert len(paths) > 5
    assert all(path.stat().st_size < 5 * KIB for path in paths)
    assert [is_growing(path) for path in paths] == [False] * (len(paths) - 1) + [True]
    frames = read_spool(tmp_path)
    assert [spooled.frame.seq for spooled in frames] == list(range(1, 301))
    assert numbers(frames) == list(range(1, 301))


def test_a_frame_may_be_larger_than_a_segment(tmp_path):
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=4 * KIB))
    values = [b"a", b"b" * MIB, b"c", b"d" * 20 * KIB, b"e"]
    assert all(append(writer, value, Kind.RESULT) for value in values)
    assert [spooled.frame.value for spooled in read_spool(tmp_path)] == values


def test_a_message_beyond_the_format_is_counted_and_harms_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr("dubhe_sdk.spool.writer.MAX_PAYLOAD", 10 * KIB)
    trouble: list[str] = []
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=4 * KIB), trouble.append)
    assert append(writer, 1)
    assert not append(writer, b"x" * 11 * KIB, Kind.RESULT)
    assert append(writer, 2)
    assert numbers(read_spool(tmp_path)) == [1, 2]
    assert dropped_in(tmp_path) == 1
    assert "11264 bytes" in trouble[0]


def test_only_silence_makes_progress_nudge_the_sidecar(tmp_path, monkeypatch):
    now = [1_000_000_000]
    monkeypatch.setattr("dubhe_sdk.spool.writer.monotonic_ns", lambda: now[0])
    writer = make_writer(tmp_path)
    append(writer, 0)  # opens the segment
    nudged: list[int] = []
    monkeypatch.setattr(writer._wake, "nudge", lambda: nudged.append(now[0] // 1_000_000))

    def append_at(millisecond: int, kind: Kind = Kind.PROGRESS) -> None:
        now[0] = millisecond * 1_000_000
        assert append(writer, millisecond, kind)

    for millisecond in (2000, 2001, 2010, 2020, 2045, 2050, 2070):
        append_at(millisecond)
    assert nudged == [2000]
    append_at(2080, Kind.RESULT)
    append_at(2081, Kind.RESULT)  # found as soon by the look that the first one caused
    append_at(2090)
    append_at(2141)
    assert nudged == [2000, 2080, 2141]


def test_the_interpreters_end_needs_no_close(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from tests.dubhe_sdk.spool.helpers import append, make_writer\n"
        f"append(make_writer(Path({str(tmp_path)!r})), b'last words')\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], cwd=root, env=clean_environ(), check=True)
    assert [spooled.frame.value for spooled in read_spool(tmp_path)] == [b"last words"]
