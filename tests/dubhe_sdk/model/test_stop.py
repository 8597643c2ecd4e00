from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.errors import DubheError, TaskStopped
from dubhe_sdk.model.stop import StopSignal


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0)  # handlers run between two instructions


def test_it_is_no_exception_that_algorithms_swallow() -> None:
    assert not issubclass(TaskStopped, (Exception, DubheError))
    stop = StopSignal()
    stop.install()
    with pytest.raises(TaskStopped, match="told to stop"):
        try:
            terminate()
        except Exception:  # noqa: BLE001 - as algorithms write it
            pytest.fail("swallowed")
    assert stop.asked


def test_it_is_raised_once() -> None:
    stop = StopSignal()
    stop.install()
    with pytest.raises(TaskStopped):
        terminate()
    terminate()
    assert stop.asked


def test_it_interrupts_what_waits() -> None:
    StopSignal().install()
    signal.signal(signal.SIGALRM, lambda *_: terminate())
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    with pytest.raises(TaskStopped):
        time.sleep(1000)  # longer than a test may take


def test_a_message_that_is_being_reported_is_not_torn(tmp_path: Path) -> None:
    from dubhe_sdk.environment import read_settings
    from dubhe_sdk.reporting.reporter import Reporter
    from dubhe_sdk.spool.merge import SpoolReader

    settings = read_settings({"DUBHE_TEMPORARY": str(tmp_path)})
    reporter = Reporter(settings, "a-b-train-d")
    said = stops = 0
    for _ in range(30):
        stop = StopSignal()
        stop.install()
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)  # the parent, too, repeats it
            while True:
                reporter.progress({"progress": 0.5})
                said += 1
        except TaskStopped:  # within it: once it is over, the next signal would raise anew
            signal.setitimer(signal.ITIMER_REAL, 0)
            stops += 1
    reporter.writer.close()
    reader = SpoolReader(settings.spool, {}, pytest.fail)
    sequence = []
    while frames := reader.read():
        sequence += [spooled.frame.seq for spooled in frames]
    reader.close()
    assert stops == 30
    # Nothing that was said is lost; what was interrupted right afterwards is there as well.
    assert said <= len(sequence) <= said + stops
    assert sequence == sorted(set(sequence))


def test_forked_children_die_of_the_signal_as_usual() -> None:
    StopSignal().install()
    pid = os.fork()
    if pid == 0:
        time.sleep(20)
        os._exit(0)
    os.kill(pid, signal.SIGTERM)
    assert os.waitpid(pid, 0)[1] == signal.SIGTERM
