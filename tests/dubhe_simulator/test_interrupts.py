from __future__ import annotations

import os
import signal
import threading

import pytest

from dubhe_simulator import interrupts
from dubhe_simulator.errors import Stopped


def send(signum: int) -> None:
    os.kill(os.getpid(), signum)


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_first_signal_raises(signum: signal.Signals, status: int) -> None:
    before = signal.getsignal(signum)
    with pytest.raises(Stopped) as stopped, interrupts.watched():
        send(signum)
    assert stopped.value.exit_status == status
    assert signal.getsignal(signum) == before


def test_later_signals_are_counted() -> None:
    with interrupts.watched():
        with pytest.raises(Stopped):
            send(signal.SIGINT)
        send(signal.SIGINT)
        send(signal.SIGTERM)
        assert interrupts.count() == 3


def test_deferred_work_is_finished_first() -> None:
    done = []
    with pytest.raises(Stopped), interrupts.watched():
        with interrupts.deferred():
            with interrupts.deferred():
                send(signal.SIGTERM)
                done.append(1)
            done.append(2)
        done.append(3)
    assert done == [1, 2]


def test_deferred_work_of_another_thread_neither_puts_it_off_nor_is_stopped() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work() -> None:
        with interrupts.deferred():
            begun.set()
            go_on.wait(20)
        done.append("unharmed")

    thread = threading.Thread(target=work)
    with interrupts.watched():
        thread.start()
        begun.wait(20)
        with pytest.raises(Stopped):
            send(signal.SIGTERM)
        go_on.set()
        thread.join()
    assert done == ["unharmed"]


def test_an_ignored_sighup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.watched():
            send(signal.SIGHUP)
            assert interrupts.count() == 0
    finally:
        signal.signal(signal.SIGHUP, before)
