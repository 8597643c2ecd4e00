"""The process that answers for one instance: whatever happens, nothing of it stays behind.

Problem: an algorithm starts data loaders, ranks and services of its own; some move to a session
of their own or lose their parent, and the platform itself may be killed at any moment.

Mechanism: this small process (standard library, started as a script of its own) declares itself
the subreaper of what it starts, so that every orphan becomes its child and is found in /proc. It
holds one end of a pipe to the platform. When the platform asks, or when the pipe closes because
the platform is gone, it ends everything.

Promise: when it exits, no descendant of the instance is alive. A process in uninterruptible
sleep is waited for. Without /proc (not Linux) only the instance's process group is ended.

Usage: ``supervisor.py CONSOLE_FILE GRACE_SECONDS COMMAND…``. On standard input, ``T`` asks for an
orderly stop (SIGTERM, and SIGKILL after the grace), ``K`` for SIGKILL at once; the end of input
counts as ``T``. On standard output it tells, as one JSON object, how the instance ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"})
POLL_INTERVAL_S = 0.05  # while ending: an orphan may change its parent between two looks
STRAGGLER_GRACE_S = 2.0  # for what the instance left behind although it has ended
SIGNAL_BASE = 128
HAS_PROC = Path("/proc/self").exists()


class Supervisor:
    """Starts the command, waits for it or for the wish to end it, and clears up."""

    def __init__(self, console: str, grace: float, command: list[str]) -> None:
        self._grace = grace
        self._asked = False  # to end it
        self._kill_at: float | None = None
        self._status: int | None = None
        self._killed = False
        self._input_open = True
        self._wakeup, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(signum, lambda *_: None)
        _become_subreaper()
        with Path(console).open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._leader = self._process.pid

    def run(self) -> dict[str, object]:
        """Return how it ended, once nothing of it is left."""
        while self._status is None:
            self._wait(self._kill_at)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._killed = True
                self._kill_everything()
        stragglers = self._end_stragglers()
        return {"status": self._status, "killed": self._killed, "stragglers": stragglers}

    def _wait(self, until: float | None) -> None:
        timeout = None if until is None else max(0.0, until - time.monotonic())
        inputs = [self._wakeup] + ([0] if self._input_open else [])
        ready, _, _ = select.select(inputs, [], [], timeout)
        if self._wakeup in ready:
            signals = os.read(self._wakeup, 512)
            if any(signum != signal.SIGCHLD for signum in signals):
                self._ask()
        if 0 in ready:
            words = os.read(0, 512)
            self._input_open = bool(words)
            self._ask()
            if b"K" in words:
                self._kill_at = time.monotonic()
        self._reap()

    def _ask(self) -> None:
        if self._asked:
            return
        self._asked = True
        self._kill_at = time.monotonic() + self._grace
        if self._status is None:
            for pid in _addressees(self._leader):
                _send(pid, signal.SIGTERM)

    def _reap(self) -> None:
        while True:
            try:
                pid, raw = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._leader:
                code = os.waitstatus_to_exitcode(raw)
                self._status = code if code >= 0 else SIGNAL_BASE - code
                self._process.returncode = code  # reaped here, not by subprocess

    def _kill_everything(self) -> None:
        for pid in _descendants(os.getpid()):
            _send(pid, signal.SIGKILL)
        self._kill_group_without_proc()
        self._kill_at = time.monotonic() + POLL_INTERVAL_S

    def _end_stragglers(self) -> list[str]:
        """End what the instance left behind; return what had to be ended, in words."""
        left = [f"{_name(pid)} ({pid})" for pid in _descendants(os.getpid())]
        for pid in _descendants(os.getpid()):
            _send(pid, signal.SIGTERM)
        self._kill_at = min(self._kill_at or math.inf, time.monotonic() + STRAGGLER_GRACE_S)
        while _descendants(os.getpid()):
            self._wait(min(self._kill_at, time.monotonic() + POLL_INTERVAL_S))
            if time.monotonic() >= self._kill_at:
                self._kill_everything()
        self._kill_group_without_proc()
        return left

    def _kill_group_without_proc(self) -> None:
        # Not where /proc tells who is left: a group's number may belong to others by then.
        if not HAS_PROC:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._leader, signal.SIGKILL)


def _addressees(leader: int) -> list[int]:
    """Return whom SIGTERM is meant for.

    A shell that waits for a command would die of the signal and not pass it on, so the command
    gets it; the script then ends with the command's own exit status.
    """
    children = [pid for pid in _descendants(leader) if _parent(pid) == leader]
    return children if _name(leader) in SHELLS and children else [leader]


def _descendants(root: int) -> list[int]:
    """Return all living processes below ``root``, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*") if HAS_PROC else ():
        state, parent = _stat(int(entry.name))
        if state not in ("Z", "X", ""):
            children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(root, ()))
    for pid in found:  # grows while it is walked
        found += children.get(pid, ())
    return found


def _stat(pid: int) -> tuple[str, int]:
    """Return a process's state and parent; an empty state if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def _parent(pid: int) -> int:
    return _stat(pid)[1]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?"


def _send(pid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signum)


def _become_subreaper() -> None:
    with contextlib.suppress(OSError, AttributeError):  # not Linux: the promise is smaller
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main(argv: list[str]) -> int:
    """Run as a script."""
    supervisor = Supervisor(argv[0], float(argv[1]), argv[2:])
    report = supervisor.run()
    with contextlib.suppress(OSError):  # the platform may be gone
        os.write(1, json.dumps(report).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
