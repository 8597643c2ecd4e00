"""The writer: whatever it accepted survives, nothing is raised, the bounds hold."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from dubhe_sdk.spool import frame, segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.merge import SpoolReader
from dubhe_sdk.spool.reader import StreamReader
from dubhe_sdk.spool.writer import SpoolWriter, may_interrupt
from tests.dubhe_sdk.spool.helpers import (
    DATE_MS,
    KIB,
    MIB,
    child,
    description,
    dropped_in,
    is_growing,
    make_writer,
    mounted,
    numbers,
    read_spool,
    read_stream,
    say,
    segments,
)
from tests.support.environ import clean_environ
from tests.support.waiting import wait_for

SMALL = SpoolLimits(
    max_bytes=16 * KIB, reserve_bytes=8 * KIB, segment_bytes=2 * KIB, full_timeout_seconds=0.2
)


def test_what_was_said_can_be_read(tmp_path):
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


def test_makes_no_stream_before_it_has_something_to_say(tmp_path):
    writer = make_writer(tmp_path)
    assert segments(tmp_path) == []
    assert writer.stream == ""
    say(writer, 1)
    assert [path.name for path in segments(tmp_path)] == [segment.file_name(writer.stream, 1)]


def test_a_closed_writer_begins_a_new_stream(tmp_path):
    writer = make_writer(tmp_path)
    say(writer, 1)
    first = writer.stream
    writer.close()
    assert not is_growing(segments(tmp_path, first)[0])
    say(writer, 2)
    assert writer.stream not in ("", first)
    assert numbers(read_spool(tmp_path)) == [1, 2]


def test_segments_roll_and_numbers_go_on(tmp_path):
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=4 * KIB))
    for number in range(1, 301):
        assert say(writer, b"%d " % number + b"x" * 60)
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
    assert all(say(writer, value, Kind.RESULT) for value in values)
    assert [spooled.frame.value for spooled in read_spool(tmp_path)] == values


def test_a_message_beyond_the_format_is_counted_and_harms_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr("dubhe_sdk.spool.writer.MAX_PAYLOAD", 10 * KIB)
    trouble: list[str] = []
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=4 * KIB), trouble.append)
    assert say(writer, 1)
    assert not say(writer, b"x" * 11 * KIB, Kind.RESULT)
    assert say(writer, 2)
    assert numbers(read_spool(tmp_path)) == [1, 2]
    assert dropped_in(tmp_path) == 1
    assert "11264 bytes" in trouble[0]


def test_threads_share_one_stream(tmp_path):
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=16 * KIB))

    def talk(thread: int) -> None:
        for number in range(500):
            assert say(writer, b"%d %d" % (number, thread))

    threads = [threading.Thread(target=talk, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    frames = [spooled.frame for spooled in read_spool(tmp_path)]
    assert [one.seq for one in frames] == list(range(1, 3001))
    assert [one.time_ns for one in frames] == sorted(one.time_ns for one in frames)
    said: dict[bytes, list[int]] = {}
    for one in frames:
        number, thread = one.value.split()
        said.setdefault(thread, []).append(int(number))
    assert list(said.values()) == [list(range(500))] * 6
    assert len({spooled.stream for spooled in read_spool(tmp_path)}) == 1


@pytest.mark.parametrize("attempt", range(6))
def test_a_writer_killed_in_the_middle_of_large_writes(tmp_path, attempt):
    """All frames whose append returned are there, in order; at most the last one is torn."""
    with child("append_for_ever", tmp_path, 3_000_000) as writer:
        assert writer.line() == "1"
        time.sleep(random.uniform(0, 0.1))  # any moment will do
        writer.kill()
        told = [1, *map(int, writer.rest())]
    frames = read_spool(tmp_path)
    assert numbers(frames) == list(range(1, len(frames) + 1))
    assert len(frames) in (told[-1], told[-1] + 1)
    assert all(len(spooled.frame.value) == 3_000_000 for spooled in frames)
    name = frames[0].stream
    reader = StreamReader(tmp_path, name, 1)
    read_stream(reader)
    assert reader.ended
    assert reader.skipped_bytes < 3_000_000 + frame.OVERHEAD
    assert not any(is_growing(path) for path in segments(tmp_path))


def test_a_forked_child_has_a_stream_of_its_own(tmp_path):
    with child("fork", tmp_path) as parent:
        parents, childs, pid, inherited = parent.line().split()
        try:
            assert parents != childs
            assert inherited == "none"
            wait_for(lambda: len(read_spool(tmp_path)) == 3, "the parent's second message")
            by_stream: dict[str, list[bytes]] = {}
            for spooled in read_spool(tmp_path):
                by_stream.setdefault(spooled.stream, []).append(spooled.frame.value)
            assert by_stream == {parents: [b"parent", b"parent again"], childs: [b"child"]}
            assert all(is_growing(path) for path in segments(tmp_path))
            parent.kill()
            assert not is_growing(segments(tmp_path, parents)[0])
            assert is_growing(segments(tmp_path, childs)[0])
        finally:
            os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: not is_growing(segments(tmp_path, childs)[0]), "the child's end")


def test_a_silent_child_does_not_keep_its_dead_parents_stream_growing(tmp_path):
    with child("fork_silent", tmp_path) as parent:
        pid = int(parent.line())
        try:
            assert is_growing(segments(tmp_path)[0])
            parent.kill()
            assert not is_growing(segments(tmp_path)[0])
        finally:
            os.kill(pid, signal.SIGKILL)


def test_a_started_program_does_not_inherit_the_stream(tmp_path):
    writer = make_writer(tmp_path)
    say(writer, 1)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as program:
        writer.close()
        assert not is_growing(segments(tmp_path)[0])
        program.kill()


def test_forks_while_other_threads_speak(tmp_path):
    """The child of a fork taken in the middle of another thread's append can speak at once."""
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=8 * KIB))
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            say(writer, b"thread")

    threads = [threading.Thread(target=talk) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(15):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)  # a deadlock is a death, which the parent sees
                os._exit(0 if say(writer, b"child %d" % number) else 1)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    values = [spooled.frame.value for spooled in read_spool(tmp_path)]
    assert [v for v in values if v != b"thread"] == [b"child %d" % n for n in range(15)]


def test_an_exception_by_a_signal_handler_never_repeats_a_number(tmp_path):
    """It may come anywhere but within an append; what was said before is there, once."""
    with child("interrupted", tmp_path, 500) as writer:
        last = int(writer.line())
        assert writer.wait() == 0
    frames = read_spool(tmp_path)
    assert len({spooled.stream for spooled in frames}) == 1
    seqs = [spooled.frame.seq for spooled in frames]
    assert seqs == list(range(1, len(seqs) + 1))
    said = numbers(frames)
    assert said == sorted(set(said))
    # Counted before each append: the only ones missing are those never begun.
    assert len(said) >= last - 500
    assert said[-1] <= last


def test_handlers_may_interrupt_waiting_but_not_writing(tmp_path):
    writer = make_writer(
        tmp_path, SpoolLimits(max_bytes=1, reserve_bytes=1, full_timeout_seconds=60)
    )
    seen: list[bool] = []

    class Stop(BaseException):
        pass

    def handle(_signum, stack):
        seen.append(may_interrupt(stack))
        if seen[-1]:
            raise Stop

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        with pytest.raises(Stop):
            say(writer, b"the spool is full", Kind.RESULT)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen[-1]
    assert may_interrupt(None)
    assert may_interrupt(sys._getframe())


def test_only_silence_makes_progress_nudge_the_sidecar(tmp_path, monkeypatch):
    now = [1_000_000_000]
    monkeypatch.setattr("dubhe_sdk.spool.writer.monotonic_ns", lambda: now[0])
    writer = make_writer(tmp_path)
    say(writer, 0)  # opens the segment
    nudged: list[int] = []
    monkeypatch.setattr(writer._wake, "nudge", lambda: nudged.append(now[0] // 1_000_000))

    def say_at(millisecond: int, kind: Kind = Kind.PROGRESS) -> None:
        now[0] = millisecond * 1_000_000
        assert say(writer, millisecond, kind)

    for millisecond in (2000, 2001, 2010, 2020, 2045, 2050, 2070):
        say_at(millisecond)
    assert nudged == [2000]
    say_at(2080, Kind.RESULT)
    say_at(2081, Kind.RESULT)  # found as soon by the look that the first one caused
    say_at(2090)
    say_at(2141)
    assert nudged == [2000, 2080, 2141]


# --- a full spool -------------------------------------------------------------------------------


def fill(writer: SpoolWriter, kind: Kind = Kind.PROGRESS, size: int = 200) -> int:
    """Say messages until one is refused; return how many were accepted."""
    for number in range(10_000):
        if not say(writer, (b"%d " % number).ljust(size, b"x"), kind):
            return number
    raise AssertionError("the spool is never full")


def test_a_full_spool_drops_progress_and_counts_it(tmp_path):
    trouble: list[str] = []
    writer = make_writer(tmp_path, SMALL, trouble.append)
    accepted = fill(writer)
    begin = time.monotonic()
    assert not any(say(writer, b"x" * 200) for _ in range(99))
    assert time.monotonic() - begin < 1
    assert dropped_in(tmp_path) == 100
    assert numbers(read_spool(tmp_path)) == list(range(accepted))
    assert segment.total_bytes(tmp_path) < SMALL.max_bytes + SMALL.segment_bytes
    assert len(trouble) == 1
    assert "DUBHE_SPOOL_MAX_BYTES" in trouble[0]
    assert str(tmp_path) in trouble[0]


def test_results_use_the_reserve_then_wait_then_are_counted(tmp_path):
    writer = make_writer(tmp_path, SMALL)
    progress = fill(writer)
    begin = time.monotonic()
    results = fill(writer, Kind.RESULT)
    waited = time.monotonic() - begin
    assert results * 200 > SMALL.reserve_bytes / 2
    assert SMALL.full_timeout_seconds <= waited < SMALL.full_timeout_seconds + 2
    assert not say(writer, b"x")  # the reserve is not for progress
    assert dropped_in(tmp_path) == 3
    bound = SMALL.max_bytes + SMALL.reserve_bytes + SMALL.segment_bytes
    assert segment.total_bytes(tmp_path) < bound
    kinds = Counter(spooled.frame.kind for spooled in read_spool(tmp_path))
    assert kinds == {Kind.PROGRESS: progress, Kind.RESULT: results}


@pytest.mark.parametrize("kind", [Kind.READY, Kind.START, Kind.END, Kind.RESULT])
def test_all_but_progress_may_use_the_reserve(tmp_path, kind):
    writer = make_writer(tmp_path, SMALL)
    fill(writer)
    assert say(writer, b"important", kind)


def test_room_that_comes_back_is_used_again(tmp_path):
    writer = make_writer(tmp_path, SMALL)
    accepted = fill(writer)
    for path in segments(tmp_path)[:-1]:
        path.unlink()  # as the sidecar does after delivery
    wait_for(lambda: say(writer, 1_000_000), "progress to be accepted again")
    lost = dropped_in(tmp_path)
    assert lost >= 1
    frames = read_spool(tmp_path)
    assert numbers(frames)[-1] == 1_000_000
    assert frames[-1].frame.seq == accepted + 1  # what was dropped has no number


def test_a_result_that_waits_takes_the_room_that_comes(tmp_path):
    limits = SpoolLimits(16 * KIB, 8 * KIB, 2 * KIB, full_timeout_seconds=30)
    writer = make_writer(tmp_path, limits)
    fill(writer)
    said: list[bool] = []
    while segment.total_bytes(tmp_path) + 300 < 24 * KIB:
        assert say(writer, b"x" * 200, Kind.RESULT)
    waiting = threading.Thread(target=lambda: said.append(say(writer, b"y" * KIB, Kind.RESULT)))
    waiting.start()
    assert not say(writer, b"progress")  # nobody is held up by the one that waits
    assert waiting.is_alive()
    for path in segments(tmp_path)[:3]:
        path.unlink()
    waiting.join(10)
    assert said == [True]
    assert read_spool(tmp_path)[-1].frame.value == b"y" * KIB


def test_what_was_dropped_before_the_first_segment_is_counted_in_it(tmp_path):
    other = make_writer(tmp_path, SMALL)
    fill(other)
    before = dropped_in(tmp_path)
    writer = make_writer(tmp_path, SMALL)
    assert [say(writer, b"x") for _ in range(5)] == [False] * 5
    other.close()
    for path in segments(tmp_path):
        path.unlink()
    wait_for(lambda: say(writer, 1), "room")
    assert before == 1
    assert dropped_in(tmp_path) >= 5


def test_several_writers_share_the_bound(tmp_path):
    writers = [make_writer(tmp_path, SMALL) for _ in range(4)]
    accepted = [0] * 4
    for _ in range(200):
        for index, writer in enumerate(writers):
            accepted[index] += say(writer, b"x" * 200)
    bound = SMALL.max_bytes + len(writers) * SMALL.segment_bytes
    assert segment.total_bytes(tmp_path) <= bound
    assert sum(accepted) + dropped_in(tmp_path) == 800
    assert Counter(s.stream for s in read_spool(tmp_path)) == {
        writer.stream: count for writer, count in zip(writers, accepted, strict=True) if count
    }


# --- a disk that does not take it ---------------------------------------------------------------


def test_a_full_disk(tmp_path):
    """Accepted is what can be read; all else is counted; room that comes back is used."""
    with mounted(tmp_path / "disk", "-o", "size=256k") as disk:
        trouble: list[str] = []
        limits = SpoolLimits(segment_bytes=64 * KIB, full_timeout_seconds=0.1)
        writer = make_writer(disk / "spool", limits, trouble.append)
        accepted = fill(writer, size=3000)
        assert 40 < accepted < 90
        files = len(segments(disk))
        for _ in range(10):
            assert not say(writer, b"x" * 3000)
            time.sleep(0.06)  # as long as a writer takes a full spool for granted
        assert not say(writer, b"x" * 3000, Kind.RESULT)
        assert len(segments(disk)) == files
        assert dropped_in(disk / "spool") == 12
        assert "No space left" in trouble[0] or "the disk is full" in trouble[0]
        assert numbers(read_spool(disk / "spool")) == list(range(accepted))
        for path in segments(disk / "spool")[:2]:
            path.unlink()
        assert wait_for(lambda: say(writer, (b"%d " % accepted).ljust(3000)), "room")
        frames = read_spool(disk / "spool")
        assert frames[-1].frame.seq == accepted + 1
        assert numbers(frames)[-1] == accepted


def test_a_full_disk_is_not_strewn_with_empty_segments(tmp_path):
    """A header still fits where the message does not."""
    with mounted(tmp_path / "disk", "-o", "size=256k") as disk:
        writer = make_writer(disk, SpoolLimits(segment_bytes=64 * KIB, full_timeout_seconds=0.5))
        (disk / "ballast").write_bytes(b"x" * 200 * KIB)
        assert say(writer, b"small", Kind.RESULT)
        assert not say(writer, b"x" * 100 * KIB, Kind.RESULT)
        assert len(segments(disk)) <= 2
        assert say(writer, b"small again", Kind.RESULT)
        assert dropped_in(disk) == 1
        values = [spooled.frame.value for spooled in read_spool(disk)]
        assert values == [b"small", b"small again"]


def test_a_file_size_limit(tmp_path):
    """A frame that does not fit the rest goes to the next segment; one that never fits is lost."""
    with child("limited", tmp_path, 20 * KIB) as writer:
        accepted, huge, last = map(int, writer.line().split())
        assert writer.wait() == 0
    assert (accepted, huge, last) == (200, 0, 1)
    frames = read_spool(tmp_path)
    assert numbers(frames[:-1]) == list(range(200))
    assert frames[-1].frame.value == b"last"
    assert [spooled.frame.seq for spooled in frames] == list(range(1, 202))
    assert all(path.stat().st_size <= 20 * KIB for path in segments(tmp_path))
    assert len(segments(tmp_path)) < 20
    assert dropped_in(tmp_path) == 1


@pytest.mark.parametrize("recreated", [False, True], ids=["gone", "made again by another"])
def test_a_spool_that_is_removed_is_made_again(tmp_path, recreated):
    spool = tmp_path / "spool"
    writer = make_writer(spool)
    assert say(writer, 1)
    shutil.rmtree(spool)
    if recreated:
        spool.mkdir()
    for number in range(2, 5):
        time.sleep(0.003)  # longer than it takes the writer to notice
        assert say(writer, number)
    assert numbers(read_spool(spool)) == [2, 3, 4]
    assert [spooled.frame.seq for spooled in read_spool(spool)] == [2, 3, 4]


def test_a_spool_that_is_removed_while_full_is_made_again(tmp_path):
    spool = tmp_path / "spool"
    writer = make_writer(spool, SMALL)
    fill(writer)
    shutil.rmtree(spool)
    time.sleep(0.003)  # longer than it takes the writer to notice
    wait_for(lambda: say(writer, 7), "the spool to be made again")
    assert numbers(read_spool(spool)) == [7]


def test_a_spool_that_cannot_be_made_again_raises_nothing(tmp_path):
    spool = tmp_path / "spool"
    trouble: list[str] = []
    writer = make_writer(spool, SpoolLimits(full_timeout_seconds=0.1), trouble.append)
    say(writer, 1)
    shutil.rmtree(spool)
    spool.write_text("a file in its place")
    time.sleep(0.003)
    assert not say(writer, 2)
    assert not say(writer, 3, Kind.RESULT)
    assert trouble
    assert str(spool) in trouble[0]
    spool.unlink()
    wait_for(lambda: say(writer, 4), "the spool to be made again")
    assert numbers(read_spool(spool)) == [4]


def test_an_error_of_the_disk_is_told_once_and_not_raised(tmp_path, monkeypatch):
    """Whatever the system says to a write, the algorithm goes on."""
    trouble: list[str] = []
    writer = make_writer(tmp_path, SpoolLimits(full_timeout_seconds=0), trouble.append)
    say(writer, 1)
    real = os.write

    def broken(fd: int, data: bytes) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("dubhe_sdk.spool.writer.os.write", broken)
    assert [say(writer, n, Kind.RESULT) for n in range(3)] == [False] * 3
    monkeypatch.setattr("dubhe_sdk.spool.writer.os.write", real)
    assert say(writer, 2, Kind.RESULT)
    assert numbers(read_spool(tmp_path)) == [1, 2]
    assert dropped_in(tmp_path) == 3
    assert len(trouble) == 1
    assert "Input/output error" in trouble[0]


def test_the_interpreters_end_needs_no_close(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from tests.dubhe_sdk.spool.helpers import make_writer, say\n"
        f"say(make_writer(Path({str(tmp_path)!r})), b'last words')\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], cwd=root, env=clean_environ(), check=True)
    assert [spooled.frame.value for spooled in read_spool(tmp_path)] == [b"last words"]


_REENTRANT = """
import os, signal, sys, time
from pathlib import Path
import dubhe_sdk

os.environ.update(INSTANCE_ID="a-b-train-1", DUBHE_TEMPORARY=sys.argv[1])
context = dubhe_sdk.Context({})
handled = []  # the handler may interrupt itself: an addition would lose one, an append does not

def handler(signum, stack):
    handled.append(signum)
    context.logProgressByEpoch(len(handled), 0.5, {"handled": len(handled)})

context.logProgress(0.5)  # opens the stream
said = 1
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    context.logProgress(0.5)
    said += 1
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
print(said + len(handled))
"""


def test_a_signal_handler_may_say_something_in_the_middle_of_an_append(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", _REENTRANT, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    reader = SpoolReader(tmp_path / "spool", {}, lambda text: None)
    seqs = []
    while frames := reader.read():
        seqs += [spooled.frame.seq for spooled in frames]
    assert len(seqs) == int(result.stdout)
    assert all(seq == number for number, seq in enumerate(seqs, 1))
