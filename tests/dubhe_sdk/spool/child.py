"""Processes for tests of the spool: ``python -m tests.dubhe_sdk.spool.child WHAT ARGUMENT…``."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.writer import may_interrupt
from tests.dubhe_sdk.spool.helpers import KIB, make_writer, say


def tell(*words: object) -> None:
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


def append_for_ever(directory: str, size: str) -> None:
    """Append frames of a size; tell the number of each that was accepted."""
    writer = make_writer(Path(directory))
    number = 0
    while True:
        number += 1
        say(writer, (b"%d " % number).ljust(int(size), b"x"), Kind.RESULT)
        tell(number)


def hold(directory: str, count: str, size: str = "10", service: str = "service-1") -> None:
    """Append some frames, then live on until stdin ends, one more frame for each line."""
    writer = make_writer(Path(directory), service=service)
    for number in range(int(count)):
        say(writer, (b"%d " % number).ljust(int(size), b"x"), Kind.RESULT)
    tell(writer.stream)
    for _ in sys.stdin:
        say(writer, b"more", Kind.RESULT)
        tell(writer.stream)


def chatter(directory: str) -> None:
    """Append numbers for ever, a few at a time; tell the stream, then each that was accepted."""
    writer = make_writer(Path(directory), SpoolLimits(segment_bytes=16 * KIB), service="")
    number = 0
    while True:
        number += 1
        say(writer, number, Kind.RESULT)
        if number == 1:
            tell(writer.stream)
        tell(number)
        time.sleep(0.001)


def fork(directory: str) -> None:
    """Append; fork a child that appends too; tell both streams and the child's pid."""
    writer = make_writer(Path(directory))
    say(writer, b"parent")
    parents = writer.stream
    pid = os.fork()
    if pid == 0:
        inherited = writer.stream
        say(writer, b"child")
        tell(parents, writer.stream, os.getpid(), inherited or "none")
        signal.pause()
    say(writer, b"parent again")
    signal.pause()


def fork_silent(directory: str) -> None:
    """Append, fork a child that never says anything."""
    writer = make_writer(Path(directory))
    say(writer, b"parent")
    pid = os.fork()
    if pid == 0:
        tell(os.getpid())
        signal.pause()
    signal.pause()


def interrupted(directory: str, count: str) -> None:
    """Append in a tight loop while a signal handler raises wherever it may."""
    writer = make_writer(Path(directory), SpoolLimits(segment_bytes=16 * KIB))

    class Stop(BaseException):
        pass

    armed = False

    def handle(_signum: int, stack: FrameType | None) -> None:
        nonlocal armed
        if armed and may_interrupt(stack):
            armed = False
            raise Stop

    raised = number = 0
    signal.signal(signal.SIGALRM, handle)
    while raised < int(count):
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-4), 5e-5)
            armed = True
            while True:
                number += 1
                say(writer, number, Kind.RESULT)
        except Stop:
            raised += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    tell(number)


def limited(directory: str, limit: str) -> None:
    """Append under RLIMIT_FSIZE: small frames, one that never fits, one that fits."""
    writer = make_writer(Path(directory), SpoolLimits(full_timeout_seconds=0.3))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    accepted = [number for number in range(200) if say(writer, b"%d " % number + b"x" * KIB)]
    huge = say(writer, b"y" * 2 * int(limit), Kind.RESULT)
    last = say(writer, b"last", Kind.RESULT)
    tell(len(accepted), int(huge), int(last))


def ring(directory: str, burst: str, stop: str) -> None:
    """Say numbers whenever the token comes: each message was said after the one before ended.

    The token is the next number, on stdin; it goes on to stdout until the file `stop` exists.
    """
    writer = make_writer(Path(directory), SpoolLimits(segment_bytes=16 * KIB))
    for line in sys.stdin:
        number = int(line)
        if number < 0:
            with contextlib.suppress(BrokenPipeError):  # whoever ended it is gone
                tell(number)
            return
        for _ in range(random.randint(0, int(burst))):
            say(writer, number, Kind.RESULT)
            number += 1
        if Path(stop).exists():
            Path(stop).write_text(str(number))
            tell(-1)
            return
        tell(number)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
