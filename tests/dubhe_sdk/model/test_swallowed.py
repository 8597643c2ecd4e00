from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.model.stop import StopSignal
from dubhe_sdk.process.linux import STOP_SIGNAL

ROOT = Path(__file__).parents[3]
TICK_SECONDS = 0.02


def stop_no_more() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # pytest's own takes its time, in which the next stop would be raised, and becomes an error.
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(STOP_SIGNAL)
    yield
    stop_no_more()
    signal.signal(signal.SIGTERM, before[0])
    signal.signal(STOP_SIGNAL, before[1])


def stop_again_and_again(count: int = 20) -> StopSignal:
    """Say stop from now on, as the service parent does."""
    stop = StopSignal()
    stop.install()
    left = [count]

    def tick(*_: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
        else:
            os.kill(os.getpid(), STOP_SIGNAL)

    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, TICK_SECONDS, TICK_SECONDS)
    return stop


def busy(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


class Slow:
    """Its finalizer takes its time."""

    def __init__(self, begin: Callable[[], object]) -> None:
        self._begin = begin

    def __del__(self) -> None:
        self._begin()
        busy(3 * TICK_SECONDS)


# Each calls a function where an exception vanishes, and stays there.


def in_finalizer(begin: Callable[[], object]) -> None:
    Slow(begin)


def in_ctypes_callback(begin: Callable[[], object]) -> None:
    def call_back() -> None:
        begin()
        busy(3 * TICK_SECONDS)

    ctypes.CFUNCTYPE(None)(call_back)()


def in_nested_callback(begin: Callable[[], object]) -> None:
    def inner() -> None:
        try:
            begin()
            busy(3 * TICK_SECONDS)
        except BaseException:
            raise

    ctypes.CFUNCTYPE(None)(inner)()


Place = Callable[[Callable[[], object]], None]


@pytest.mark.parametrize("place", [in_finalizer, in_ctypes_callback, in_nested_callback])
def test_one_that_vanished_is_raised_again(place: Place) -> None:
    with pytest.raises(TaskStopped):
        place(stop_again_and_again)  # the first one is not raised here
        time.sleep(1000)  # longer than a test may take


@pytest.mark.parametrize("place", [in_finalizer, in_ctypes_callback, in_nested_callback])
def test_where_all_the_time_is_spent_in_what_swallows_it(place: Place) -> None:
    """Each repetition would vanish like the first."""
    saved = False
    with pytest.raises(TaskStopped):
        try:
            place(lambda: stop_again_and_again(1000))
            for _ in range(20):
                place(lambda: None)
            pytest.fail("it was never raised outside")
        except TaskStopped:
            busy(5 * TICK_SECONDS)
            saved = True
            raise
    assert saved
    assert sys.gettrace() is None


def vanish_in_an_event_loop() -> None:
    saved = []

    async def helper() -> None:
        stop_again_and_again()
        busy(3 * TICK_SECONDS)

    async def main() -> None:
        side = asyncio.create_task(helper())
        try:
            while True:
                await asyncio.sleep(0.001)
        except BaseException as error:
            del side
            busy(5 * TICK_SECONDS)  # nothing is raised in what saves
            saved.append(type(error))
            raise

    with pytest.raises(TaskStopped):
        asyncio.run(main())
    assert len(saved) == 1


def wait_in_a_coroutine_that_saves() -> None:
    async def main() -> str:
        try:
            stop_again_and_again()
            busy(1000)
        except TaskStopped:
            for _ in range(5):
                await asyncio.sleep(TICK_SECONDS)
        return "saved"

    assert asyncio.run(main()) == "saved"


# In a process of its own: what drives a browser leaves an event loop running in this one.
@pytest.mark.parametrize("function", [vanish_in_an_event_loop, wait_in_a_coroutine_that_saves])
def test_event_loops(function: Callable[[], None]) -> None:
    name = function.__name__
    program = f"from {__name__} import {name}, stop_no_more; {name}(); stop_no_more()"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


def test_it_is_not_raised_in_code_that_saves() -> None:
    try:
        stop_again_and_again()
        time.sleep(1000)
    except TaskStopped:
        busy(5 * TICK_SECONDS)
        try:
            raise OSError("the first try to save")
        except OSError:
            busy(5 * TICK_SECONDS)


def test_it_is_not_raised_in_code_that_saves_after_its_except_block() -> None:
    def train() -> bool:
        try:
            stop_again_and_again()
            time.sleep(1000)
        except TaskStopped:
            return True
        return False

    assert train()
    busy(5 * TICK_SECONDS)


def test_it_is_not_raised_in_what_a_finally_block_does() -> None:
    with pytest.raises(TaskStopped):
        try:
            stop_again_and_again()
            time.sleep(1000)
        finally:
            busy(5 * TICK_SECONDS)
