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
from dubhe_sdk.spool.writer import SpoolWriter, may_interrupt
from tests.dubhe_sdk.spool.helpers import KIB, append, make_writer


def send(*words: object) -> None:
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


def append_for_ever(directory: str, size: str) -> None:
    """Append frames of a size; tell the number of each that was accepted."""
    writer = make_writer(Path(directory))
    number = 0
    while True:
        number += 1
        append(writer, (b"%d " % number).ljust(int(size), b"x"), Kind.RESULT)
        send(number)


def hold(directory: str, count: str, size: str = "10", service: str = "service-1") -> None:
    """Append some frames, then live on until stdin ends, one more frame for each line."""
    writer = make_writer(Path(directory), service=service)
    for number in range(int(count)):
        append(writer, (b"%d " % number).ljust(int(size), b"x"), Kind.RESULT)
    send(writer.stream)
    for _ in sys.stdin:
        append(writer, b"more", Kind.RESULT)
        send(writer.stream)


def chatter(directory: str) -> None:
    """Append numbers for ever, a few at a time; tell the stream, then each that was accepted."""
    writer = make_writer(Path(directory), SpoolLimits(segment_bytes=16 * KIB), service="")
    number = 0
    while True:
        number += 1
        append(writer, number, Kind.RESULT)
        if number == 1:
            send(writer.stream)
        send(number)
        time.sleep(0.001)


def fork(directory: str) -> None:
    """Append; fork a child that appends too; tell both streams and the child's pid."""
    writer = make_writer(Path(directory))
    append(writer, b"parent")
    parents = writer.stream
    pid = os.fork()
    if pid == 0:
        inherited = writer.stream
        append(writer, b"child")
        send(parents, writer.stream, os.getpid(), inherited or "none")
        signal.pause()
    append(writer, b"parent again")
    signal.pause()


def fork_silent(directory: str) -> None:
    """Append, fork a child that never says anything."""
    writer = make_writer(Path(directory))
    append(writer, b"parent")
    pid = os.fork()
    if pid == 0:
        send(os.getpid())
        signal.pause()
    signal.pause()


def _interrupt_soon() -> None:
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-4))


def _interrupt_again() -> None:
    # Once each time: on a busy machine an interval is over before its handler is, which would be
    # entered within itself again and again.
    signal.setitimer(signal.ITIMER_REAL, 5e-5)


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
        _interrupt_again()

    raised = number = 0
    signal.signal(signal.SIGALRM, handle)
    while raised < int(count):
        try:
            armed = True
            _interrupt_soon()
            while True:
                number += 1
                append(writer, number, Kind.RESULT)
        except Stop:
            raised += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    send(number)


def limited(directory: str, limit: str) -> None:
    """Append under RLIMIT_FSIZE: small frames, one that never fits, one that fits."""
    writer = make_writer(Path(directory), SpoolLimits(full_timeout_seconds=0.3))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    accepted = [number for number in range(200) if append(writer, b"%d " % number + b"x" * KIB)]
    huge = append(writer, b"y" * 2 * int(limit), Kind.RESULT)
    last = append(writer, b"last", Kind.RESULT)
    send(len(accepted), int(huge), int(last))


def ring(directory: str, burst: str, stop: str) -> None:
    """Say numbers whenever the token comes: each message was said after the one before ended.

    The token is the next number, on stdin; it goes on to stdout until the file `stop` exists.
    """
    writer = make_writer(Path(directory), SpoolLimits(segment_bytes=16 * KIB))
    for line in sys.stdin:
        number = int(line)
        if number < 0:
            with contextlib.suppress(BrokenPipeError):  # whoever ended it is gone
                send(number)
            return
        for _ in range(random.randint(0, int(burst))):
            append(writer, number, Kind.RESULT)
            number += 1
        if Path(stop).exists():
            Path(stop).write_text(str(number))
            send(-1)
            return
        send(number)


def report(writer: SpoolWriter, epoch: int) -> bool:
    """Report a batch in C, or in Python where that refuses; whether it was accepted."""
    assert writer.append_batch is not None
    if writer.append_batch(epoch, 1, 2, 0.5, {"loss": 0.25}):
        return True
    value = b'{"mes_type":2,"data":{"loss":0.25,"progress":0.5,"epoch":%d}}' % epoch
    return writer.append(Kind.PROGRESS, value, 1, 1, 2)


def _batch_writer(directory: str, limits: SpoolLimits | None = None) -> SpoolWriter:
    writer = make_writer(Path(directory), limits)
    writer.number_messages(b'{"request_number":', 1)
    return writer


def report_for_ever(directory: str) -> None:
    """Report batches; tell the number of each that was accepted."""
    writer = _batch_writer(directory)
    number = 0
    while True:
        report(writer, number)
        send(number)
        number += 1


def limited_batches(directory: str, limit: str) -> None:
    """Report batches under RLIMIT_FSIZE; tell how many of them C has written."""
    writer = _batch_writer(directory)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    in_c = 0
    for number in range(200):
        before = writer.next_request_number()
        assert report(writer, number)
        in_c += writer.next_request_number() - before - 1
    send(in_c)


def interrupted_batches(directory: str, count: str) -> None:
    """Be interrupted at random by a handler that reports and raises; tell how many were begun."""
    writer = _batch_writer(directory)

    class Stop(BaseException):
        pass

    armed = False
    handled = 0

    def handle(_signum: int, stack: FrameType | None) -> None:
        nonlocal armed, handled
        handled -= 1
        report(writer, handled)
        if armed and may_interrupt(stack):
            armed = False
            raise Stop
        _interrupt_again()

    raised = number = 0
    signal.signal(signal.SIGALRM, handle)
    while raised < int(count):
        try:
            armed = True
            _interrupt_soon()
            while True:
                number += 1
                report(writer, number)
        except Stop:
            raised += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    send(number)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
