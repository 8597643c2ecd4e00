"""`TaskProcesses`: what the algorithm has started, at a stop.

Problem
    `TaskStopped` is raised in the model process alone. Ranks and other processes that the algorithm
    has started would train on until they are killed, without a checkpoint. But SIGTERM for all of
    them would do harm: a data loader's worker dies of it in the middle of the checkpoint, and so
    does the ``tee`` that takes the output of those that are saving.

Mechanism
    SIGTERM is passed on to those that have a handler for it, once to each, and of processes that
    stand below each other to the uppermost: ``torchrun`` tells its ranks itself, and a second
    SIGTERM would interrupt the handler that is saving. When the uppermost one is gone, those below
    it are told. Left out are workers whose parent watches for their deaths (it catches SIGCHLD):
    PyTorch and PaddlePaddle have handlers in C in their data loaders' workers, which end those,
    and one in their parent, which raises there.

    Once the method has returned, whoever was told keeps the rest of the time that the task has for
    its stop. One that ignores SIGTERM cannot be told and is given a second. As long as one of them
    lives, nothing else is touched, since it may depend on the others. Then all are killed.

Safety
    A process counts as told by its PID and the time of its start, so a PID that is used again is
    another one. All that a process of the algorithm starts is found, however it moves away: this
    process adopts orphans.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from dubhe_sdk.process import tree
from dubhe_sdk.process.disposition import catches, ignores
from dubhe_sdk.process.tree import Process

_IGNORING_SECONDS = 1.0


class TaskProcesses:
    """The descendants of this process but for its own children.

    Args:
        models: returns the PIDs of the model processes.
        spare: returns the PIDs of children that are not the algorithm's.
    """

    def __init__(
        self, models: Callable[[], Collection[int]], spare: Callable[[], Collection[int]]
    ) -> None:
        self._models = models
        self._spare = spare
        self._told: set[tuple[int, int]] = set()
        self._ignoring_until: float | None = None

    def tell(self) -> None:
        """Send SIGTERM to those that catch it and have not been told."""
        for process in self._uppermost():
            if not self._is_told(process) and _should_be_told(process):
                self._told.add((process.pid, process.started))
                tree.signal_all([process.pid], signal.SIGTERM)

    def is_saving(self) -> bool:
        """Return whether one lives that may be saving. To be called when the method has ended."""
        now = time.monotonic()
        if self._ignoring_until is None:
            self._ignoring_until = now + _IGNORING_SECONDS
        may_ignore = now < self._ignoring_until
        return any(
            self._is_told(process) or (may_ignore and _is_immune(process))
            for process in self._walk()
        )

    def kill(self) -> list[int]:
        """Kill all of them; return the PIDs."""
        pids = [process.pid for process in self._walk()]
        tree.signal_all(pids, signal.SIGKILL)
        return pids

    def _is_told(self, process: Process) -> bool:
        return (process.pid, process.started) in self._told

    def _uppermost(self) -> Iterator[Process]:
        """Yield those that are not below one that was told or should be."""
        return self._walk(lambda one: self._is_told(one) or _should_be_told(one))

    def _walk(self, is_last: Callable[[Process], bool] = lambda _: False) -> Iterator[Process]:
        """Yield them, parents first; those below one that ``is_last`` are left out."""
        below = tree.living_by_parent()
        spare, models = set(self._spare()), set(self._models())
        pending = [one for one in below.get(os.getpid(), []) if one.pid not in spare]
        while pending:
            process = pending.pop()
            if process.pid not in models:
                yield process
                if is_last(process):
                    continue
            pending += below.get(process.pid, [])


def _should_be_told(process: Process) -> bool:
    return catches(process.pid, signal.SIGTERM) and not _is_watched_worker(process)


def _is_watched_worker(process: Process) -> bool:
    """Return whether a process is a worker whose death its parent takes for a failure.

    It is the same program as its parent: forked, or started by multiprocessing. A shell and a fork
    server catch SIGCHLD too, but to reap.
    """
    if not catches(process.parent, signal.SIGCHLD):
        return False
    own, above = _command_line(process.pid), _command_line(process.parent)
    if b"multiprocessing.forkserver" in above:
        return False
    return own == above or b"multiprocessing.spawn" in own


def _is_immune(process: Process) -> bool:
    """Return whether a process ignores SIGTERM; one that only follows the others does not count.

    multiprocessing and joblib each start a resource tracker, which ends when all that use it have.
    """
    return ignores(process.pid, signal.SIGTERM) and b"resource_tracker" not in _command_line(
        process.pid
    )


def _command_line(pid: int) -> bytes:
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return b""
