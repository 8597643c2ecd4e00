"""Judges START and END: one of each for a task, with everything of the task between the two."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from tests.faults.consumer import Received

_BY_THE_SIDECAR = "the service process was killed"


class Judged(Protocol):
    """What takes the counts; see `tests.faults.verdict.Verdict`."""

    starts: int
    ends: int

    def add_problem(self, count: str, text: str, by: int = 1) -> None:
        """Count something that must not be."""


def judge_tasks(verdict: Judged, records: Sequence[Received]) -> None:
    """Judge all instances that are services, which report READY, START and END."""
    services = {record.instance for record in records if record.action}
    ordered = sorted(
        (record for record in records if record.instance in services),
        key=lambda r: (r.instance, r.topic, r.partition, r.offset),
    )
    for _, group in groupby(ordered, lambda r: r.instance):
        own = list(group)
        status = {record.topic for record in own if record.action}
        tasks = _Tasks(verdict)
        for record in own:
            if record.topic in status:
                tasks.take(record)
        tasks.finish()
        for record in own:
            if record.topic not in status:
                tasks.take_result(record)


class _Tasks:
    """The tasks of one instance, read from its status topic."""

    def __init__(self, verdict: Judged) -> None:
        self._verdict = verdict
        self._open: Received | None = None
        self._failed: set[str] = set()  # runs of the service that reported END without a START
        self._spans: list[tuple[int, int]] = []  # from START to END, in the broker's milliseconds
        self._owner: dict[int, int] = {}  # reporter → index of its task
        self._complete = False  # whether the open task has come to its end

    def take(self, record: Received) -> None:
        """Take the next record of the status topic."""
        if record.action == "START":
            self.finish()
            self._open = record
            self._complete = False
            self._verdict.starts += 1
        elif record.action == "END":
            self._verdict.ends += 1
            self._take_end(record)
        elif record.action == "READY":
            pass
        elif self._open is None or self._owner.setdefault(record.reporter, len(self._spans)) != len(
            self._spans
        ):
            self._add_problem(record)
        else:
            self._complete |= record.complete

    def _take_end(self, record: Received) -> None:
        if self._open is not None:
            self._spans.append((self._open.appended_ms, record.appended_ms))
            if record.status == 200 and not self._complete:
                where = f"{record.instance}: END @{record.offset} {record.text}"
                self._verdict.add_problem("false_ends", where)
        # A model that dies outside of a task is given by an END without a START, once in a run.
        elif (
            record.status != 300 or record.writer in self._failed or _BY_THE_SIDECAR in record.text
        ):
            where = f"{record.instance}: END @{record.offset} {record.text}"
            self._verdict.add_problem("extra_ends", where)
        else:
            self._failed.add(record.writer)
        self._open = None

    def finish(self) -> None:
        """No task may be open any more."""
        if self._open is not None:
            where = f"{self._open.instance}: START @{self._open.offset}"
            self._verdict.add_problem("missing_ends", where)
            self._spans.append((self._open.appended_ms, 2**63))
            self._open = None

    def take_result(self, record: Received) -> None:
        """Take a record of the other topic: the broker's clock shows where it belongs."""
        task = self._owner.get(record.reporter)
        spans = self._spans if task is None else self._spans[task : task + 1]
        if not any(begin <= record.appended_ms <= end for begin, end in spans):
            self._add_problem(record)

    def _add_problem(self, record: Received) -> None:
        text = f"{record.instance}: {record.n} of {record.reporter:012x} in {record.topic}"
        self._verdict.add_problem("outside_task", f"{text} @{record.offset}")
