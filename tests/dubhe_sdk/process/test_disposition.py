from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dubhe_sdk.process.disposition import catches, ignores

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGRTMAX)


@contextmanager
def process(action: str) -> Iterator[int]:
    """Run a process with an action for `SIGNALS`."""
    code = f"import signal; {action}; print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        try:
            yield started.pid
        finally:
            started.kill()


@pytest.mark.parametrize("signum", SIGNALS)
def test_actions(signum: signal.Signals) -> None:
    number = int(signum)
    with process(f"signal.signal({number}, print)") as pid:
        assert catches(pid, signum) and not ignores(pid, signum)
    with process(f"signal.signal({number}, signal.SIG_IGN)") as pid:
        assert ignores(pid, signum) and not catches(pid, signum)
    with process("pass") as pid:
        assert not ignores(pid, signum) and not catches(pid, signum)


def test_a_process_that_is_gone_has_none() -> None:
    with process("signal.signal(15, print)") as pid:
        pass
    assert not catches(pid, signal.SIGTERM)
    assert not ignores(pid, signal.SIGTERM)
