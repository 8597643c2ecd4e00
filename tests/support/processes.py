"""Processes of tests: what they inherit, and how one test's are found wherever they have moved."""

from __future__ import annotations

import contextlib
import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from types import FrameType

MARK_VARIABLE = "TEST_RUN_MARK"

# What to put in the place of "ignored". A handler does not outlive exec: children get the default.
_INSTEAD: dict[signal.Signals, Callable[[int, FrameType | None], object]] = {
    signal.SIGHUP: lambda *_: None,
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: lambda *_: None,
    signal.SIGTERM: lambda *_: None,
}


def stop_ignoring_signals() -> None:
    """Let programs that tests start be ended by the usual signals, whatever the caller ignores.

    What is ignored stays ignored across exec: SIGINT and SIGQUIT in a shell's background job,
    SIGHUP under nohup. This process goes on as before, but for SIGINT, which raises
    `KeyboardInterrupt` as it does in a process that is started from a terminal.
    """
    for signum, handler in _INSTEAD.items():
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, handler)


class Marked:
    """All processes that inherit one environment variable's value."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._bytes = f"{MARK_VARIABLE}={self.mark}".encode()

    @property
    def env(self) -> dict[str, str]:
        """What the first process is to be given."""
        return {MARK_VARIABLE: self.mark}

    def living(self) -> dict[int, str]:
        """Return pid → command line of every process that lives; zombies do not."""
        found = {}
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                environ = Path("/proc", name, "environ").read_bytes()
                if self._bytes in environ.split(b"\0") and state_of(int(name)) not in "ZX":
                    line = Path("/proc", name, "cmdline").read_bytes()
                    found[int(name)] = line.replace(b"\0", b" ").decode("utf-8", "replace").strip()
            except (OSError, ValueError):
                continue  # gone meanwhile, or not ours to read
        return found

    def kill(self) -> None:
        """End all of them."""
        while living := self.living():
            for pid in living:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def state_of(pid: int) -> str:
    """Return the state letter of a process, as in proc(5)."""
    text = Path("/proc", str(pid), "stat").read_text()
    return text[text.rindex(")") + 2]


def alive(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        return state_of(pid) not in "ZX"
    except (OSError, ValueError):
        return False
