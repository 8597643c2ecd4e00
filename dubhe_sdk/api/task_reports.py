"""`TaskReports`: where a context's reports go, and until when."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dubhe_sdk.api.logged_reports import LoggedReports
from dubhe_sdk.api.metrics import MetricsCleaner
from dubhe_sdk.api.task_gate import GatedReporter, Reports, ResultsOnly, TaskGate
from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.contract.messages import MessageType
from dubhe_sdk.environment import Settings
from dubhe_sdk.logs.log import open_log
from dubhe_sdk.reporting.reporter import Reporter
from dubhe_sdk.spool.frame import Kind

# Set in ranks whose progress is not reported, and so in their child processes.
RESULTS_ONLY_VARIABLE = "DUBHE_RESULTS_ONLY"
_BATCH_BITS = 32


class TaskReports:
    """Reports for one task or inference. Its methods are those of `Context`.

    The reporter is made when the first report comes: a process that reports nothing has no stream.

    Args:
        settings: the environment.
        instance_id: the instance that reports.
    """

    def __init__(self, settings: Settings, instance_id: str) -> None:
        self._settings = settings
        self._instance_id = instance_id
        # Not a method: a cycle would be left to the garbage collector, one for each inference.
        self._warn = partial(_warn, settings)
        self.cleaner = MetricsCleaner(self._warn)
        self.append_batch: Callable[..., bool] | None = None  # its writer's, while it is plain
        self._reporter: Reports | None = None
        self.gate: TaskGate | None = None
        self._owner = 0  # PID of the process that runs its task
        self._closed = False

    def belong_to(self, gate: TaskGate | None, *, own: bool = True) -> None:
        """Report while a task runs.

        Args:
            gate: of the task.
            own: whether this process runs the task, and will close it.
        """
        self.gate = gate
        self._owner = os.getpid() if own else 0
        _of_tasks.add(self)

    @property
    def is_own(self) -> bool:
        """Whether this process runs the task."""
        return self._owner == os.getpid()

    def close(self) -> None:
        """Drop whatever is reported from now on."""
        self._closed = True
        self._use(GatedReporter(None, self.gate, self._warn))

    def pause(self, *, resume: bool = False) -> None:
        """Let nothing of this process through, not even what a thread is about to report."""
        reporter = _reporters.get((self._settings.spool, self._instance_id))
        if reporter is not None:
            (reporter.writer.resume if resume else reporter.writer.pause)()

    def progress(self, progress: Any) -> None:
        """Report progress alone."""
        self.reporter().progress({"progress": self.cleaner.progress(progress)})

    def metrics(
        self, epoch: Any, batch: Any, batches: Any, progress: Any, metrics: Mapping[str, Any]
    ) -> None:
        """Report progress and metrics, in Python. To be called where `append_batch` does not do it.

        Args:
            epoch: its number.
            batch: index in the epoch.
            batches: how many it has; 0 if this is the report of no batch.
            progress: from 0 to 1.
            metrics: name → number.
        """
        cleaner = self.cleaner
        data = cleaner.clean(metrics)
        # Asked here and not in the cleaner alone: a call costs as much as three of these questions.
        if type(progress) is float and 0.0 <= progress <= 1.0:
            data["progress"] = cleaner.last_progress = progress
        else:
            data["progress"] = cleaner.progress(progress)
        data["epoch"] = epoch if type(epoch) is int else cleaner.whole("epoch", epoch)
        if type(batch) is not int or type(batches) is not int:
            batch = cleaner.whole("batch_idx", batch)
            batches = cleaner.whole("batchsize", batches)
        if (batch | batches) >> _BATCH_BITS:  # one of them is negative or too large
            batch = batches = 0
        (self._reporter or self.reporter()).progress(data, batch, batches)

    def result(self, result: Any) -> None:
        """Report a result."""
        self.reporter().report(Kind.RESULT, MessageType.RESULT, result)

    def reporter(self) -> Reports:
        """Return what reports; it is made if there is none yet."""
        reporter = self._reporter
        if reporter is None:
            reporter = self._use(self._make_reporter())
            if self._closed:  # meanwhile, by another thread
                reporter = self._use(GatedReporter(None, self.gate, self._warn))
        return reporter

    def _make_reporter(self) -> Reports:
        if kind_of(self._instance_id) is TaskKind.INFER:
            log = open_log(self._settings.log_file)
            return LoggedReports(log.info, self._warn)
        reporter: Reports = _process_reporter(self._settings, self._instance_id)
        if self.gate is not None and not self.is_own:
            # The process that runs the task closes only its own context.
            reporter = GatedReporter(reporter, self.gate, self._warn)
        return ResultsOnly(reporter) if os.environ.get(RESULTS_ONLY_VARIABLE) else reporter

    def _use(self, reporter: Reports) -> Reports:
        """Report by it from now on."""
        self._reporter = reporter
        # Whatever stands between this and the writer has to see each report.
        self.append_batch = reporter.writer.append_batch if isinstance(reporter, Reporter) else None
        return reporter

    def _begin_in_child(self) -> None:
        if not self._closed:
            self._reporter = self.append_batch = None


def _warn(settings: Settings, text: str) -> None:
    open_log(settings.log_file).warning("%s", text)


_reporters: dict[tuple[Path, str], Reporter] = {}
_making = threading.RLock()
_of_tasks: weakref.WeakSet[TaskReports] = weakref.WeakSet()


def _process_reporter(settings: Settings, instance_id: str) -> Reporter:
    """Return the process's one reporter for an instance, so that a process has one stream."""
    key = (settings.spool, instance_id)
    reporter = _reporters.get(key)
    if reporter is None:
        with _making:  # threads may report for the first time at once
            reporter = _reporters.get(key)
            if reporter is None:
                reporter = _reporters[key] = Reporter(settings, instance_id)
    return reporter


def _after_fork_in_child() -> None:
    global _making
    _making = threading.RLock()
    for reports in list(_of_tasks):
        reports._begin_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
