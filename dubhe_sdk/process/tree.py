"""The descendants of a process, whatever group or session they are in."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable
from pathlib import Path

_PROC = Path("/proc")
_POLL_SECONDS = 0.01


def descendants(root: int) -> list[int]:
    """Return the PIDs of all living descendants of ``root``, parents before children."""
    below: dict[int, list[int]] = {}
    for pid, parent, state in _processes():
        if state not in "ZX":
            below.setdefault(parent, []).append(pid)
    found: list[int] = []
    level = below.get(root, [])
    while level:
        found += level
        level = [child for pid in level for child in below.get(pid, [])]
    return found


def children(root: int) -> list[int]:
    """Return the PIDs of the living children of ``root``."""
    return [pid for pid, parent, state in _processes() if parent == root and state not in "ZX"]


def dead_children(root: int) -> list[int]:
    """Return the PIDs of the children of ``root`` that are dead and not yet reaped."""
    return [pid for pid, parent, state in _processes() if parent == root and state in "ZX"]


def signal_all(pids: Iterable[int], signum: int) -> None:
    """Send a signal to processes; those that are gone are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signum)


def kill_orphans(parent: int, spare: Collection[int], seconds: float = 5.0) -> list[int]:
    """Kill every descendant of ``parent`` that is not one of ``spare`` or below it; reap them.

    ``parent`` is this process and adopts orphans, so whatever an ended child left behind,
    however it moved away, is found here. One that starts a successor and ends while the list of
    processes is being read may be missed with it. But then it is a dead child, so only a pass
    that finds no living and no newly dead process is the last.

    Returns:
        PIDs that were killed.
    """
    killed: set[int] = set()
    known_dead: set[int] = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        spared = set(spare).union(*(descendants(pid) for pid in spare))
        stray = [pid for pid in descendants(parent) if pid not in spared]
        dead = set(dead_children(parent))  # read after the descendants
        if not stray and dead <= known_dead:
            break
        known_dead |= dead
        signal_all(stray, signal.SIGKILL)
        killed.update(stray)
        for pid in stray:
            reap(pid)
        time.sleep(_POLL_SECONDS)  # a grandchild's death is not signalled to us
    for pid in killed:
        reap(pid)
    return sorted(killed)


def reap(pid: int) -> int | None:
    """Take and return a dead child's returncode, if it is ours and dead; otherwise None.

    It is as in `subprocess.Popen.returncode`: negative for a signal.
    """
    with contextlib.suppress(ChildProcessError):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
    return None


def describe_exit(returncode: int) -> str:
    """Return in words how a process ended, from `subprocess.Popen.returncode`."""
    if returncode >= 0:
        return f"exited with status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"was killed by {name}"


def exit_status(returncode: int) -> int:
    """Return the status a shell would give: 128 + the signal's number for a killed process."""
    return returncode if returncode >= 0 else 128 - returncode


def _processes() -> Iterable[tuple[int, int, str]]:
    """Yield pid, parent and state of every process there is."""
    for name in os.listdir(_PROC) if _PROC.is_dir() else ():
        if name.isdigit():
            try:
                text = (_PROC / name / "stat").read_text()
            except OSError:
                continue  # gone meanwhile
            # "pid (name) state ppid …", where the name may hold anything, even parentheses
            state, parent = text[text.rindex(")") + 2 :].split(None, 2)[:2]
            yield int(name), int(parent), state
