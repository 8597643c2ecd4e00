"""The descendants of a process, whatever group or session they are in."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_POLL_SECONDS = 0.01


class Process(NamedTuple):
    """One process; PIDs are used again, but not with the same time of the start."""

    pid: int
    parent: int
    state: str
    """The letter of proc(5); ``Z`` and ``X`` are dead."""
    started: int
    """Clock ticks since the machine's start."""


def living_by_parent() -> dict[int, list[Process]]:
    """Return the living processes, by the PID of their parent."""
    below: dict[int, list[Process]] = {}
    for process in _processes():
        if process.state not in "ZX":
            below.setdefault(process.parent, []).append(process)
    return below


def find_below(root: int, pid: int) -> list[Process]:
    """Return a living process below ``root`` and those between, from it upwards; else nothing."""
    living = {one.pid: one for some in living_by_parent().values() for one in some}
    found: list[Process] = []
    while pid != root:
        if pid not in living:
            return []
        found.append(living[pid])
        pid = living[pid].parent
    return found


def ancestors(pid: int) -> list[Process]:
    """Return a process and those above it, upwards, as far as they can be seen from here."""
    found: list[Process] = []
    while pid and (here := list(_processes([str(pid)]))):
        found += here
        pid = here[0].parent
    return found


def lives(process: Process) -> bool:
    """Return whether it lives, and not another process that has got its PID."""
    return any(
        one.pid == process.pid and one.started == process.started and one.state not in "ZX"
        for one in _processes([str(process.pid)])
    )


def descendants(root: int) -> list[int]:
    """Return the PIDs of all living descendants of ``root``, parents before children."""
    below = living_by_parent()
    found: list[int] = []
    level = below.get(root, [])
    while level:
        found += [process.pid for process in level]
        level = [child for process in level for child in below.get(process.pid, [])]
    return found


def children(root: int) -> list[int]:
    """Return the PIDs of the living children of ``root``."""
    return [process.pid for process in living_by_parent().get(root, [])]


def dead_children(root: int) -> list[int]:
    """Return the PIDs of the children of ``root`` that are dead and not yet reaped."""
    return [one.pid for one in _processes() if one.parent == root and one.state in "ZX"]


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


def _processes(names: Iterable[str] | None = None) -> Iterable[Process]:
    """Yield every process there is, or those of ``names``."""
    if names is None:
        names = os.listdir(_PROC) if _PROC.is_dir() else ()
    for name in names:
        if name.isdigit():
            try:
                text = (_PROC / name / "stat").read_text()
            except OSError:
                continue  # gone meanwhile
            # "pid (name) state ppid …", where the name may hold anything, even parentheses
            fields = text[text.rindex(")") + 2 :].split()
            yield Process(int(name), int(fields[1]), fields[0], int(fields[19]))
