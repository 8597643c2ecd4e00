"""`wait_readable`: what can be read, in time, whatever its number is."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator

import pytest

from dubhe_sdk.process.readable import wait_readable

ABOVE_SELECT = 1024  # FD_SETSIZE


@pytest.fixture(params=[0, ABOVE_SELECT])
def pipe(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """A pipe whose reading end has at least this number."""
    small, writing = os.pipe()
    reading = fcntl.fcntl(small, fcntl.F_DUPFD_CLOEXEC, request.param)
    os.close(small)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_what_can_be_read(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    other, end = os.pipe()
    assert wait_readable([reading, other], 0) == set()
    os.write(writing, b"x")
    assert wait_readable([reading, other], None) == {reading}
    os.close(end)
    assert wait_readable([reading, other], None) == {reading, other}, "an end is read, too"
    os.close(other)


def test_it_waits_for_it(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = threading.Timer(0.05, os.write, (writing, b"x"))
    writer.start()
    assert wait_readable([reading], 30) == {reading}
    writer.join()


def test_it_never_returns_before_the_time(pipe: tuple[int, int]) -> None:
    began = time.monotonic()
    assert wait_readable([pipe[0]], 0.0504) == set()
    assert time.monotonic() - began >= 0.0504
