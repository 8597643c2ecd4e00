"""`StateFile`: the state of a running process, for commands that are started beside it.

Problem
    `dubhe health` and `dubhe status` are started from outside. They inherit nothing from the
    service: neither the port and protocol that ``run.sh`` has chosen, nor what became of the
    sidecar. And a spool on a volume outlives its containers, so a file may be left from another.

Mechanism
    ``<spool>/running/<role>.<id>.json``. Its writer holds a lock on it that the kernel drops at
    its death, as with segments of the spool. A change is a new file under the old name.

Safety
    A reader sees whole files alone, since names change in one step. A file without a lock is of
    a dead process: it is passed over by readers, and deleted when the next process enters.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from dubhe_sdk.process.lock import is_held

_FOLDER = "running"
_SUFFIX = ".json"


class StateFile:
    """This process's own file.

    Args:
        spool: the spool's directory.
        role: ``launch`` or ``service``.
    """

    def __init__(self, spool: Path, role: str) -> None:
        self._folder = spool / _FOLDER
        self._path = self._folder / f"{role}.{os.urandom(6).hex()}{_SUFFIX}"
        self._fd = -1
        _remove_left_behind(self._folder)

    def update(self, **facts: Any) -> None:
        """Replace the state. ``pid`` and ``pid_namespace`` are added.

        Raises:
            OSError: it cannot be written.
        """
        state = {"pid": os.getpid(), "pid_namespace": pid_namespace(), **facts}
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.write(fd, json.dumps(state, ensure_ascii=False).encode())
            fresh.rename(self._path)
        except OSError:
            os.close(fd)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd

    def close(self) -> None:
        """Remove the file."""
        if self._fd >= 0:
            with contextlib.suppress(
                OSError
            ):  # gone with its folder; without a lock it does not count
                self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


def read_states(spool: Path, role: str) -> list[dict[str, Any]]:
    """Return the states of the living processes of a role, the latest last."""
    found: list[tuple[float, dict[str, Any]]] = []
    for path in (spool / _FOLDER).glob(f"{role}.*{_SUFFIX}"):
        with contextlib.suppress(OSError, ValueError):  # gone, or replaced, meanwhile
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if is_held(fd):
                    facts = json.loads(os.read(fd, 1 << 20))
                    found.append((os.fstat(fd).st_ctime, facts))
            finally:
                os.close(fd)
    return [facts for _, facts in sorted(found, key=lambda pair: pair[0])]


def read_local_state(spool: Path, role: str) -> dict[str, Any] | None:
    """Return the state of the process of a role in this container, or None.

    Several containers may share a spool; a PID namespace is one container's.
    """
    here = [f for f in read_states(spool, role) if f.get("pid_namespace") == pid_namespace()]
    return here[-1] if here else None


def pid_namespace() -> str:
    """Return a name for this process's PID namespace; empty where there are none."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _remove_left_behind(folder: Path) -> None:
    for path in folder.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError):  # removed by another process, or not ours to remove
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if not is_held(fd):
                    path.unlink(missing_ok=True)
            finally:
                os.close(fd)
