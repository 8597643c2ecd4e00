"""`TaskGate`: which task a context belongs to, and whether that still runs.

The model process writes the running task's request into a file, a new one for each task, and
removes it at the task's end. Child processes, which may live on (pools), compare that file with
the one that their context came from.

Problem: a child that has just looked may report a moment later, when END has been said.
Mechanism: it has the file open and holds its shared lock (flock(2)) from before it looks whether
the file still has a name until its report is in the spool. Who ends the task takes the name away
and then waits for the exclusive lock.
Safety: who looks after the removal finds no name, and who looked before it has the lock. A child
that is frozen or waits for room in the spool delays END by `_LATE_SECONDS` at most. A descriptor
that a fork has copied belongs to the same lock, but whoever holds it also unlocks it. Where files
cannot be locked, only the moment between look and report is left open.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from dubhe_sdk.contract.messages import MessageType
from dubhe_sdk.spool.frame import Kind

_LATE_SECONDS = 1.0
_POLL_SECONDS = 0.001


class TaskGate(NamedTuple):
    """A task's file and what tells it from the files of other tasks."""

    path: str
    inode: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str) -> TaskGate | None:
        """Return the gate of the task that runs now; None if none does."""
        try:
            found = Path(path).stat()
        except OSError:
            return None
        return cls(path, found.st_ino, found.st_mtime_ns)

    @property
    def is_open(self) -> bool:
        """Whether its task still runs."""
        return TaskGate.of(self.path) == self

    def open(self) -> int:
        """Return a descriptor of the task's file; -1 if the task has ended."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return -1
        found = os.fstat(fd)
        if (found.st_ino, found.st_mtime_ns) == (self.inode, self.mtime_ns):
            return fd
        os.close(fd)
        return -1


def close_gate(path: Path) -> None:
    """End the task of a file: remove it, and wait for reports that began before.

    Args:
        path: of the running task.

    Raises:
        OSError: it cannot be removed.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        path.unlink(missing_ok=True)
        end = time.monotonic() + _LATE_SECONDS
        while time.monotonic() < end:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # no call awaits a lock for a limited time
                time.sleep(_POLL_SECONDS)
            except OSError:  # a file system without locks
                return
            else:
                return
    finally:
        os.close(fd)


class Reports(Protocol):
    """What a context needs of a reporter."""

    def progress(self, data: dict[str, Any], batch: int = 0, batches: int = 0) -> None:
        """Report progress."""

    def report(self, kind: Kind, type_: MessageType, data: Any) -> bool:
        """Report something else. Return whether it was accepted."""


class ResultsOnly:
    """Reports results, and no progress: every rank has the same metrics.

    Args:
        reporter: reports.
    """

    def __init__(self, reporter: Reports) -> None:
        self.report = reporter.report

    def progress(self, data: dict[str, Any], batch: int = 0, batches: int = 0) -> None:
        """Report nothing."""


class GatedReporter:
    """Reports while a task runs; what comes later is dropped with one warning.

    Args:
        reporter: the process's own; None if the task is known to have ended.
        gate: of the task.
        warn: called with the warning's text.
    """

    def __init__(
        self, reporter: Reports | None, gate: TaskGate | None, warn: Callable[[str], None]
    ) -> None:
        self._reporter = reporter
        self._warn = warn
        self._warned = False
        # Threads share the file's lock. A signal's handler may report within a report.
        self._lock = threading.RLock()
        self._fd = -1 if reporter is None or gate is None else gate.open()

    def __del__(self) -> None:
        self._close()

    def progress(self, data: dict[str, Any], batch: int = 0, batches: int = 0) -> None:
        """Report progress if the task still runs."""
        with self._running() as reporter:
            if reporter is not None:
                reporter.progress(data, batch, batches)

    def report(self, kind: Kind, type_: MessageType, data: Any) -> bool:
        """Report something else if the task still runs."""
        with self._running() as reporter:
            return reporter is not None and reporter.report(kind, type_, data)

    @contextmanager
    def _running(self) -> Iterator[Reports | None]:
        """Give the reporter if the task still runs; it does not end within the block."""
        if self._fd >= 0:
            with self._lock:
                _lock(self._fd, fcntl.LOCK_SH)
                try:
                    # Another thread may have closed it meanwhile.
                    if self._fd >= 0 and os.fstat(self._fd).st_nlink:
                        yield self._reporter
                        return
                finally:
                    _lock(self._fd, fcntl.LOCK_UN)
                self._close()
        if not self._warned:
            self._warned = True
            self._warn(
                "what a thread or a child process reports after the end of its task is dropped; "
                "dubhe_sdk.current_context() gives the context of the task that runs "
                "(logged once for this context)"
            )
        yield None

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _lock(fd: int, operation: int) -> None:
    with suppress(OSError):  # a file system without locks
        fcntl.flock(fd, operation)
