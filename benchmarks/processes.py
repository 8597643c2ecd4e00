"""Processes of a run: started with a mark they inherit, so that none is left behind.

Each is put into a process group of its own, which can be frozen while others have their turn.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import CACHE, ROOT
from tests.support.environ import clean_environ
from tests.support.processes import Marked

LOGS = CACHE / "logs"
_STOP_SECONDS = 10.0
_run = Marked()


class ContestantFailed(RuntimeError):
    """A contestant did not do what it was asked. The text says what, and where its log is."""


def environ(**more: str) -> dict[str, str]:
    """Return an environment without the contract's variables, and with ``more``."""
    return clean_environ(**{"PYTHONHASHSEED": "0", **_run.env, **more})


def leave_nothing() -> None:
    """End every process that this run has started, wherever it has moved."""
    _run.kill()


def spawn(
    command: Sequence[object],
    log: str,
    env: Mapping[str, str] | None = None,
    *,
    piped: bool = False,
    cwd: Path = ROOT,
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own.

    Args:
        command: program and arguments; texts are made of them.
        log: name of the file below ``.cache/bench/logs`` for what it says on stderr, and on
            stdout unless ``piped``.
        env: from `environ`.
        piped: whether its stdin and stdout are pipes to here.
        cwd: its working directory.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{log}.log").open("ab") as file:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else file,
            stderr=file,
            env=dict(env or environ()),
            cwd=cwd,
            start_new_session=True,
        )


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a process and to what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process in order if it can be, and its group in any case."""
    process.send_signal(signal.SIGTERM)
    signal_group(process, signal.SIGCONT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    signal_group(process, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def running(
    command: Sequence[object],
    log: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the block ends."""
    process = spawn(command, log, env, cwd=cwd)
    try:
        yield process
    finally:
        stop(process)


@dataclass(frozen=True)
class Cost:
    """What a process has used from its start to its end."""

    seconds: float
    cpu_seconds: float
    """User and system, its children that it has waited for included."""
    peak_mib: float
    """Largest resident set."""


def run_to_end(command: Sequence[object], log: str, env: Mapping[str, str]) -> Cost:
    """Run a process to its end and return what it cost.

    Raises:
        ContestantFailed: it ended with another status than 0.
    """
    start = time.perf_counter()
    process = spawn(command, log, env)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        stop(process)
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ContestantFailed(f"exit status {process.returncode}; see {where(log)}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - start, cpu, usage.ru_maxrss / 1024)


def where(log: str) -> str:
    """Return the path of a log, as it is told to people."""
    return str((LOGS / f"{log}.log").relative_to(ROOT))


def await_file(path: Path, content: bytes, process: subprocess.Popen[bytes], log: str) -> None:
    """Wait until a file holds some bytes.

    Raises:
        ContestantFailed: the process ended before, or a minute is over.
    """
    deadline = time.monotonic() + 60
    while not (path.exists() and content in path.read_bytes()):
        if process.poll() is not None:
            raise ContestantFailed(f"exit status {process.returncode}; see {where(log)}")
        if time.monotonic() > deadline:
            raise ContestantFailed(f"not ready within 60 s; see {where(log)}")
        time.sleep(0.002)  # written by another process, which cannot signal
