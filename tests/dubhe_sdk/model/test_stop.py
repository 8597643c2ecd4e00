"""SIGTERM in the model process, and in what it forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.model.stop import StopSignal

_FORKS = """
import multiprocessing, signal, sys, time
from dubhe_sdk.model.stop import StopSignal
StopSignal().install()
worker = multiprocessing.get_context("fork").Process(target=signal.pause)
worker.start()
worker.terminate()
worker.join()
sys.exit(0 if worker.exitcode == -signal.SIGTERM else 1)
"""


def test_it_raises_once() -> None:
    stop = StopSignal()
    before = signal.getsignal(signal.SIGTERM)
    stop.install()
    try:
        with pytest.raises(TaskStopped):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.raised
        os.kill(os.getpid(), signal.SIGTERM)  # a second one must not disturb the clean-up
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_except_exception_does_not_swallow_it() -> None:
    assert not issubclass(TaskStopped, Exception)


def test_a_forked_worker_dies_of_sigterm_as_usual() -> None:
    result = subprocess.run([sys.executable, "-c", _FORKS], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "TaskStopped" not in result.stderr
