"""A writer among threads, forks, kills and signal handlers."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dubhe_sdk.spool import frame
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.merge import SpoolReader
from dubhe_sdk.spool.reader import StreamReader
from dubhe_sdk.spool.writer import may_interrupt
from tests.dubhe_sdk.spool.helpers import (
    KIB,
    append,
    child,
    is_growing,
    make_writer,
    numbers,
    read_spool,
    read_stream,
    segments,
)
from tests.support.waiting import wait_for


def test_threads_share_one_stream(tmp_path):
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=16 * KIB))

    def talk(thread: int) -> None:
        for number in range(500):
            assert append(writer, b"%d %d" % (number, thread))

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
    append(writer, 1)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as program:
        writer.close()
        assert not is_growing(segments(tmp_path)[0])
        program.kill()


@pytest.mark.slow
def test_forks_while_other_threads_report(tmp_path):
    """The child of a fork taken in the middle of another thread's append can speak at once."""
    writer = make_writer(tmp_path, SpoolLimits(segment_bytes=8 * KIB))
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            append(writer, b"thread")

    threads = [threading.Thread(target=talk) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(15):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)  # a deadlock is a death, which the parent sees
                os._exit(0 if append(writer, b"child %d" % number) else 1)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    values = [spooled.frame.value for spooled in read_spool(tmp_path)]
    assert [v for v in values if v != b"thread"] == [b"child %d" % n for n in range(15)]


@pytest.mark.slow
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
            append(writer, b"the spool is full", Kind.RESULT)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen[-1]
    assert may_interrupt(None)
    assert may_interrupt(sys._getframe())


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


@pytest.mark.slow
def test_a_signal_handler_may_report_something_in_the_middle_of_an_append(tmp_path: Path) -> None:
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
