"""Signals that are ignored, blocked, taken, or meant for somebody else."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tests.hostile.case import LAUNCH, NOHUP, Case, algorithm, training
from tests.hostile.observation import Observation
from tests.hostile.play import Play

_LONG = training(steps=60)


def _signalled(signum: int) -> Callable[[Play], None]:
    """A training; in its midst a signal comes to what was started."""

    def play(play: Play) -> None:
        play.ready()
        assert play.start()["flag"] == 1
        play.wait_note("training")
        os.kill(play.app.pid, signum)
        play.wait_end()

    return play


def _to_the_model(signum: int) -> Callable[[Play], None]:
    def play(play: Play) -> None:
        play.ready()
        assert play.start()["flag"] == 1
        os.kill(play.wait_note("training")["pid"], signum)
        play.wait_end()

    return play


def _frozen(play: Play) -> None:
    play.ready()
    assert play.start()["flag"] == 1
    model = play.wait_note("training")["pid"]
    os.kill(model, signal.SIGSTOP)
    for _ in range(5):
        assert play.app.send(0)["flag"] == 1
    os.kill(model, signal.SIGCONT)
    play.wait_end()


def _handled(seen: Observation) -> None:
    assert "handled" in seen.notes


CASES = [
    Case("SIGHUP under nohup", _LONG, command=NOHUP, play=_signalled(signal.SIGHUP)),
    Case(
        "SIGINT in a background job",
        _LONG,
        command=("bash", "-c", "trap '' INT; exec python3 -u app.py"),
        play=_signalled(signal.SIGINT),
    ),
    *(
        Case(f"{number.name} comes to the service", _LONG, play=_signalled(number))
        for number in (
            signal.SIGUSR1,
            signal.SIGUSR2,
            signal.SIGWINCH,
            signal.SIGPIPE,
            signal.SIGCHLD,
        )
    ),
    Case(
        "SIGUSR1 comes to what dubhe launch started",
        _LONG,
        command=LAUNCH,
        files={"run.sh": "exec python3 -u app.py\n"},
        play=_signalled(signal.SIGUSR1),
    ),
    Case(
        "the algorithm handles SIGUSR1",
        training(
            before="signal.signal(signal.SIGUSR1, lambda *_: note('handled'))",
            steps=60,
        ),
        play=_to_the_model(signal.SIGUSR1),
        check=_handled,
    ),
    Case(
        "faulthandler dumps at SIGUSR1",
        training(before="import faulthandler; faulthandler.register(signal.SIGUSR1)", steps=60),
        play=_to_the_model(signal.SIGUSR1),
        console=("most recent call first",),
    ),
    Case("the model process is frozen and continued", _LONG, play=_frozen),
    Case(
        "a timer interrupts every report",
        algorithm(
            """
            ticks = []
            signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            for _ in range(300): report(ctx)
            signal.setitimer(signal.ITIMER_REAL, 0)
            """
        ),
    ),
    Case(
        "the algorithm blocks all signals",
        algorithm("signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); report(ctx)"),
        env={"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "1"},
    ),
]
