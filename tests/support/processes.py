"""Finds the processes of one test, however they have moved away, by a mark they inherit."""

from __future__ import annotations

import contextlib
import os
import signal
import uuid
from pathlib import Path

MARK_VARIABLE = "TEST_RUN_MARK"


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
