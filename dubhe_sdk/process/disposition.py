"""What another process does when a signal comes: its action, as proc(5) shows it.

``SigCgt`` and ``SigIgn`` in ``/proc/PID/status`` are masks in which bit N - 1 stands for signal N.
A signal that is in neither has the default action, which for SIGTERM is death.
"""

from __future__ import annotations

from pathlib import Path


def catches(pid: int, signum: int) -> bool:
    """Return whether a process has a handler of its own; False if it is gone."""
    return _is_in("SigCgt", pid, signum)


def ignores(pid: int, signum: int) -> bool:
    """Return whether a process ignores a signal; False if it is gone."""
    return _is_in("SigIgn", pid, signum)


def _is_in(mask: str, pid: int, signum: int) -> bool:
    try:
        status = Path("/proc", str(pid), "status").read_text()
    except OSError:
        return False
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == mask:
            return bool(int(value, 16) >> (signum - 1) & 1)
    return False
