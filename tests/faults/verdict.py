"""Compares what was reported with what was received: `judge`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from tests.faults.consumer import Received
from tests.faults.report_counter import ReportCounts
from tests.faults.tasks import judge_tasks

_SHOWN = 20
_FAULTLESS = (
    "lost",
    "repeated",
    "out_of_order",
    "unknown",
    "scattered",
    "missing_ends",
    "extra_ends",
    "outside_task",
    "false_ends",
    "dropped_difference",
    "miscounted",
)


@dataclass
class Verdict:
    """Counts of messages; see `_FAULTLESS` for what has to be zero."""

    reported: int = 0
    """Accepted: the call that reported it has returned."""
    in_doubt: int = 0
    """Killed while it was reported: begun, not returned."""
    received: int = 0
    """Numbered messages in the topics."""
    records: int = 0
    """All records in the topics: READY, START and END too."""
    lost: int = 0
    """Accepted, and neither received nor a dead letter nor reported as dropped."""
    repeated: int = 0
    out_of_order: int = 0
    unknown: int = 0
    """Received and never reported."""
    scattered: int = 0
    """Instances whose records lie in several partitions of one topic."""
    starts: int = 0
    ends: int = 0
    missing_ends: int = 0
    extra_ends: int = 0
    outside_task: int = 0
    """Messages of a task before its START or after its END."""
    false_ends: int = 0
    """END 200 of tasks that have not come to their end."""
    after_end: int = 0
    """Reported by threads while or after their task ended, and not received."""
    dead_letters: int = 0
    dropped: int = 0
    """As the sidecars report it."""
    dropped_difference: int = 0
    """Missing numbers that no report of a drop explains, or reports that no number misses."""
    miscounted: int = 0
    """Whether the sidecars report another number of delivered records than there are."""
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was lost, repeated, disordered or miscounted."""
        return not any(getattr(self, name) for name in _FAULTLESS) and self.reported > 0

    def add_problem(self, count: str, text: str, by: int = 1) -> None:
        """Count something that must not be."""
        setattr(self, count, getattr(self, count) + by)
        if len(self.problems) < _SHOWN:
            self.problems.append(f"{count}: {text}")

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {"good": self.good, **asdict(self)}

    def __str__(self) -> str:
        rows = [
            f"  {name.replace('_', ' '):<20}{count:>12}{'   <-- must be 0' * self._bad(name)}"
            for name, count in asdict(self).items()
            if name != "problems"
        ]
        return "\n".join([*rows, *(f"  ! {problem}" for problem in self.problems)])

    def _bad(self, name: str) -> bool:
        return name in _FAULTLESS and getattr(self, name) != 0


def judge(
    counters: Mapping[int, ReportCounts],
    records: Sequence[Received],
    dead_letters: Sequence[tuple[int, int]] = (),
    dropped: int = 0,
) -> Verdict:
    """Compare.

    Args:
        counters: what was reported, by reporter.
        records: everything in the topics, by topic, partition and offset.
        dead_letters: reporter and number of each.
        dropped: messages that the sidecars reported as dropped.
    """
    verdict = Verdict(records=len(records), dropped=dropped, dead_letters=len(dead_letters))
    expected = {k: v for k, v in counters.items() if not v.late}
    verdict.reported = sum(reported.returned for reported in expected.values())
    verdict.in_doubt = sum(reported.begun - reported.returned for reported in expected.values())
    numbered = [record for record in records if record.reporter]
    verdict.received = len(numbered)
    _judge_counts(verdict, counters, numbered, dead_letters)
    _judge_repeats(verdict, records)
    _judge_order(verdict, records)
    judge_tasks(verdict, records)
    return verdict


def _judge_counts(
    verdict: Verdict,
    counters: Mapping[int, ReportCounts],
    numbered: Sequence[Received],
    dead_letters: Sequence[tuple[int, int]],
) -> None:
    got: dict[int, set[int]] = defaultdict(set)
    for reporter, n in [*((record.reporter, record.n) for record in numbered), *dead_letters]:
        if reporter not in counters or not 0 < n <= counters[reporter].begun:
            verdict.add_problem("unknown", f"message {n} of {reporter:012x}")
        got[reporter].add(n)
    missing = 0
    for reporter, reported in counters.items():
        absent = set(range(1, reported.returned + 1)) - got[reporter]
        if reported.late:
            verdict.after_end += len(absent)
            continue
        missing += len(absent)
        if absent and not verdict.dropped:
            first = sorted(absent)[:5]
            text = f"{len(absent)} of {reported.returned} of {reporter:012x}, the first: {first}"
            verdict.add_problem("lost", text, len(absent))
    if verdict.dropped:
        # Which numbers were dropped nobody shows, but how many is to be exact. A message in doubt
        # may have been dropped as well.
        unseen = sum(
            s.begun - s.returned
            for k, s in counters.items()
            if s.begun not in got[k] and not s.late
        )
        if not missing <= verdict.dropped <= missing + unseen:
            text = f"{missing} numbers missing, {verdict.dropped} reported as dropped"
            verdict.add_problem("dropped_difference", text, abs(missing - verdict.dropped))
            verdict.lost += max(0, missing - verdict.dropped)


def _judge_repeats(verdict: Verdict, records: Sequence[Received]) -> None:
    """A plain consumer knows a message by its request number."""
    for number, count in Counter(record.request_number for record in records).items():
        if count > 1:
            verdict.add_problem("repeated", f"request_number {number}, {count} times", count - 1)
    counts = Counter((r.reporter, r.n) for r in records if r.reporter)
    for (reporter, n), count in counts.items():
        if count > 1 and not verdict.repeated:
            verdict.add_problem(
                "repeated", f"message {n} of {reporter:012x}, {count} times", count - 1
            )


def _judge_order(verdict: Verdict, records: Sequence[Received]) -> None:
    """Whatever ended before something else began comes first, within instance and topic.

    A message had been reported when its reporter began the next one.
    """
    began = {(r.reporter, r.n): r.began for r in records if r.reporter}
    key = lambda record: (record.instance, record.topic)  # noqa: E731 - twice the same
    for (instance, topic), group in groupby(sorted(records, key=key), key):
        own = list(group)
        if len({record.partition for record in own}) > 1:
            verdict.add_problem("scattered", f"{instance} in {topic}")
        latest: dict[int, int] = {}
        newest, newest_of = 0, (0, 0)
        for record in own:
            if not record.reporter:
                continue
            ended = began.get((record.reporter, record.n + 1))
            if record.n <= latest.get(record.reporter, 0):
                text = f"{record.n} after {latest[record.reporter]} of {record.reporter:012x}"
                verdict.add_problem("out_of_order", f"{text} in {topic}")
            elif ended is not None and ended < newest:
                text = f"{record.n} of {record.reporter:012x} after {newest_of}, said later"
                verdict.add_problem("out_of_order", f"{text}, in {topic}")
            latest[record.reporter] = max(record.n, latest.get(record.reporter, 0))
            if record.began > newest:
                newest, newest_of = record.began, (record.reporter, record.n)
