"""`TaskGate`: which task a context belongs to, and whether that still runs.

The model process writes the running task's request into a file, a new one for each task, and
removes it at the task's end. Child processes, which may live on (pools), compare that file with
the one that their context came from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from dubhe_sdk.contract.messages import MessageType
from dubhe_sdk.spool.frame import Kind


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

    def progress(self, data: dict[str, Any], batch: int = 0, batches: int = 0) -> None:
        """Report progress if the task still runs."""
        reporter = self._open()
        if reporter is not None:
            reporter.progress(data, batch, batches)

    def report(self, kind: Kind, type_: MessageType, data: Any) -> bool:
        """Report something else if the task still runs."""
        reporter = self._open()
        return reporter is not None and reporter.report(kind, type_, data)

    def _open(self) -> Reports | None:
        if self._reporter is not None and self._gate is not None and self._gate.is_open:
            return self._reporter
        self._reporter = None
        if not self._warned:
            self._warned = True
            self._warn(
                "what a thread or a child process reports after the end of its task is dropped; "
                "dubhe_sdk.current_context() gives the context of the task that runs "
                "(logged once for this context)"
            )
        return None
