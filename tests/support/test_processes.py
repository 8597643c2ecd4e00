"""Children of tests have default signals, though the caller ignores some, as ``nohup … &`` does."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = """
import signal, subprocess, sys
if {stop}:
    from tests.support.processes import stop_ignoring_signals
    stop_ignoring_signals()
signal.raise_signal(signal.SIGHUP)  # the tests themselves go on
subprocess.run(["grep", "SigIgn", "/proc/self/status"], check=True)
"""


def ignored_by_a_child(*, stop: bool) -> set[signal.Signals]:
    script = TESTS.format(stop=stop)
    shell = ["bash", "-c", 'trap "" HUP INT QUIT; exec "$@"', "-", sys.executable, "-c", script]
    done = subprocess.run(shell, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    mask = int(done.stdout.split()[-1], 16)
    watched = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
    return {signum for signum in watched if mask >> (signum - 1) & 1}


def test_children_of_tests_ignore_nothing() -> None:
    assert ignored_by_a_child(stop=False) == {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}
    assert ignored_by_a_child(stop=True) == set()
