from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from dubhe_sdk.service.loop import Loop


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.fixture
def _signals_as_before() -> Iterator[None]:
    before = {one: signal.getsignal(one) for one in (signal.SIGUSR1, signal.SIGCHLD)}
    yield
    signal.set_wakeup_fd(-1)
    for signum, action in before.items():
        signal.signal(signum, action)


def test_descriptors(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    loop, seen = Loop(), []
    loop.watch(reading, lambda: seen.append(os.read(reading, 1)))
    os.write(writing, b"ab")
    loop.turn()
    loop.turn()
    assert seen == [b"a", b"b"]
    loop.forget(reading)
    loop.forget(reading)  # a second time does nothing
    os.write(writing, b"c")
    loop.after(0.0, lambda: seen.append(b"timer"))
    loop.turn()
    assert seen == [b"a", b"b", b"timer"]


def test_times_in_their_order() -> None:
    loop, seen = Loop(), []
    for seconds in (0.02, 0.0, 0.01, 0.01):
        loop.after(seconds, lambda seconds=seconds: seen.append(seconds))
    while len(seen) < 4:
        loop.turn()
    assert seen == [0.0, 0.01, 0.01, 0.02]


@pytest.mark.usefixtures("_signals_as_before")
def test_signals_are_handled_by_the_loop_and_wake_it() -> None:
    loop, seen = Loop(), []
    loop.catch([signal.SIGUSR1], lambda number: seen.append((number, threading.get_ident())))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert seen == []
    loop.turn()
    assert seen == [(signal.SIGUSR1, threading.get_ident())]
    timer = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGUSR1])
    timer.start()
    loop.turn()  # nothing else would end this wait
    timer.join()
    assert len(seen) == 2


@pytest.mark.usefixtures("_signals_as_before")
def test_a_signal_precedes_what_came_with_it_and_a_death_follows_it(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    loop, seen = Loop(), []
    loop.watch(reading, lambda: seen.append(os.read(reading, 1)))
    loop.catch([signal.SIGUSR1, signal.SIGCHLD], seen.append)
    os.write(writing, b"a")
    os.kill(os.getpid(), signal.SIGCHLD)
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.turn()
    assert seen == [signal.SIGUSR1, b"a", signal.SIGCHLD]
