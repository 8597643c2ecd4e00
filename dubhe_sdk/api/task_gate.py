"""`TaskGate`: which task a context belongs to, and whether that still runs.

The model process writes the running task's request into a file, a new one for each task, and
removes it at the task's end. Child processes, which may live on (pools), compare that file with
the one that their context came from.

Problem: a child that has just looked may report a moment later, when END has been said.
Mechanism: it has the file open and holds its shared lock (flock(2)) from before it looks whether
its task runs until its report is in the spool. Who ends the task removes the file and then waits
for the exclusive lock.
Safety: who looks after the removal finds no file or another one, and who looked before it has the
lock. A child that is frozen or waits for room in the spool delays END by `_LATE_SECONDS` at most.
Nobody waits for the lock to be shared: where it cannot be had, the task is ending, or files cannot
be locked, and only the moment between look and report is left open. Threads share it, the first
takes it and the last releases it, and none waits for another one's report.
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
        """Return a descriptor of the task's file; -1 if there is none, or no file of this task."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return -1
        if self.is_of(fd):
            return fd
        os.close(fd)
        return -1

    def is_of(self, fd: int) -> bool:
        """Return whether a descriptor is one of the task's file."""
        try:
            found = os.fstat(fd)
        except OSError:
            return False
        return (found.st_ino, found.st_mtime_ns) == (self.inode, self.mtime_ns)


def close_gate(path: Path) -> None:
    """End the task of a file: remove it, and wait for reports that began before.

    Args:
        path: of the running task.

    Raises:
        OSError: it cannot be removed.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # it is gone, or no descriptor is free
        path.unlink(missing_ok=True)
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
        _lock(fd, fcntl.LOCK_UN)  # also that of a copy which a fork has made meanwhile
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
        self._gate = gate
        self._warn = warn
        self._warned = False
        self._ended = reporter is None or gate is None
        self._reporting = 0  # threads, and handlers of signals that report within a report
        self._lock = threading.RLock()  # of the number; never held while something is reported
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
        """Give the reporter if the task still runs; `close_gate` waits for the end of the block."""
        if not self._ended:
            self._enter()
            try:
                if self._gate is not None and self._gate.is_open:
                    yield self._reporter
                    return
                self._ended = True
            finally:
                self._leave()
        if not self._warned:
            self._warned = True
            self._warn(
                "what a thread or a child process reports after the end of its task is dropped; "
                "dubhe_sdk.current_context() gives the context of the task that runs "
                "(logged once for this context)"
            )
        yield None

    def _enter(self) -> None:
        with self._lock:
            self._reporting += 1
            if self._reporting == 1 and self._is_own():
                _lock(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def _leave(self) -> None:
        with self._lock:
            self._reporting -= 1
            if self._reporting == 0:
                if self._is_own():
                    _lock(self._fd, fcntl.LOCK_UN)
                if self._ended:
                    self._close()

    def _is_own(self) -> bool:
        """Return whether the descriptor is still ours: a daemon closes all that it inherits."""
        return self._fd >= 0 and self._gate is not None and self._gate.is_of(self._fd)

    def _close(self) -> None:
        if self._is_own():
            os.close(self._fd)
        self._fd = -1


def _lock(fd: int, operation: int) -> None:
    with suppress(OSError):  # a file system without locks, or one that is taken
        fcntl.flock(fd, operation)
