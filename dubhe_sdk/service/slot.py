"""`JobSlot`: the one training or evaluation, and its START and END.

Exactly one END follows each START because both are reported only here, into one stream, and
nowhere else. If this process is killed between the two, the sidecar adds the END.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dubhe_sdk.contract import messages
from dubhe_sdk.contract.kind import kind_of
from dubhe_sdk.contract.messages import MessageType
from dubhe_sdk.reporting.reporter import Reporter
from dubhe_sdk.spool.frame import Kind


class Job(NamedTuple):
    """A start request: its ``req_type`` and the whole of it."""

    type: int
    request: dict[str, Any]


class JobSlot:
    """Holds at most one job.

    Args:
        reporter: reports messages.
        instance_id: of the instance.
    """

    def __init__(self, reporter: Reporter, instance_id: str) -> None:
        self._reporter = reporter
        self._instance_id = instance_id
        self.job: Job | None = None

    def start(self, job: Job) -> None:
        """Take a job and report START."""
        assert self.job is None
        self.job = job
        data = messages.start(kind_of(self._instance_id))
        self._reporter.report(Kind.START, MessageType.TASK, data)

    def end(self, error: str | None) -> None:
        """Release the job and report END: it ended well if ``error`` is None."""
        assert self.job is not None
        self.job = None
        if error is None:
            data = messages.end(kind_of(self._instance_id))
            self._reporter.report(Kind.END, MessageType.TASK, data)
        else:
            self.report_failed(error)

    def report_ready(self) -> None:
        """Report READY."""
        self._reporter.report(Kind.READY, MessageType.READY, messages.ready())

    def report_failed(self, what: str) -> None:
        """Report END with status 300; also for a model that could not even be constructed."""
        data = messages.failed(self._instance_id, what)
        self._reporter.report(Kind.END, MessageType.TASK, data)
