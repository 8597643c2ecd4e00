"""The verdict sees what is wrong: each of these would pass a run if it did not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.faults.consumer import Received
from tests.faults.report_counter import ReportCounter, ReportCounts, read
from tests.faults.verdict import Verdict, judge

A, B = 0xA, 0xB


def message(reporter: int, n: int, offset: int, *, began: int = 0, **more) -> Received:
    fields = {
        "topic": "status",
        "partition": 0,
        "offset": offset,
        "appended_ms": offset,
        "instance": "i",
        "request_number": reporter * 1000 + n,
        "action": "",
        "status": 0,
        "text": "",
        "reporter": reporter,
        "n": n,
        "writer": "run-1",
        "began": began or n * 10 + reporter % 10,
    }
    return Received(**{**fields, **more})


def action(kind_of: str, offset: int, status: int = 200, text: str = "") -> Received:
    more = {"action": kind_of, "status": status, "text": text, "request_number": 10**6 + offset}
    return message(0, 0, offset, **more)


def verdict(*records: Received, reported: int = 3, begun: int = 0, **more) -> Verdict:
    counters = {A: ReportCounts(A, begun or reported, reported, 0)}
    return judge(counters, sorted(records), **more)


GOOD = [message(A, n, n) for n in (1, 2, 3)]


def test_good() -> None:
    assert verdict(*GOOD).good
    assert verdict(*GOOD, begun=4).good  # killed while it reported the fourth
    assert verdict(*GOOD, message(A, 4, 4), begun=4).good
    assert verdict(*GOOD[:2], dead_letters=[(A, 3)]).good
    assert verdict(GOOD[0], GOOD[2], dropped=1).good


@pytest.mark.parametrize(
    ("count", "records", "more"),
    [
        ("lost", GOOD[:2], {}),
        ("lost", [], {}),
        ("repeated", [*GOOD, message(A, 3, 4)], {}),
        ("repeated", [*GOOD, message(A, 3, 4, request_number=7)], {}),
        ("out_of_order", [message(A, n, n % 3) for n in (1, 2, 3)], {}),
        ("unknown", [*GOOD, message(A, 4, 4)], {}),
        ("unknown", [*GOOD, message(B, 1, 4)], {}),
        ("scattered", [*GOOD[:2], message(A, 3, 3, partition=1)], {}),
        ("dropped_difference", GOOD[:2], {"dropped": 2}),
        ("dropped_difference", GOOD[:1], {"dropped": 1}),
        ("dropped_difference", GOOD, {"dropped": 1}),
    ],
)
def test_bad(count: str, records: Sequence[Received], more: dict) -> None:
    judged = verdict(*records, **more)
    assert getattr(judged, count) > 0
    assert not judged.good
    assert "must be 0" in str(judged)


def test_a_task_that_was_not_complete_did_not_end_well() -> None:
    def of_task(status: int, *, complete: bool) -> Verdict:
        task = [action("START", 0), *GOOD[:2], message(A, 3, 3, complete=complete)]
        return verdict(*task, action("END", 4, status))

    assert of_task(200, complete=True).good
    assert of_task(300, complete=False).good
    assert of_task(200, complete=False).false_ends == 1


def test_what_is_reported_late_may_be_dropped_but_not_be_outside_of_its_task() -> None:
    task = [action("START", 0), *GOOD[:2], message(A, 3, 3, complete=True)]
    counters = {A: ReportCounts(A, 3, 3, 0), B: ReportCounts(B, 5, 5, 0, late=True)}
    late = [message(B, n, 10 + n, began=100 + n) for n in (1, 2)]
    inside = judge(counters, sorted([*task, *late, action("END", 20)]))
    assert inside.good
    assert inside.after_end == 3
    outside = judge(counters, sorted([*task, action("END", 4), *late]))
    assert outside.outside_task == 2


def test_nothing_said_is_not_good() -> None:
    assert not judge({}, []).good


def test_order_across_processes() -> None:
    """B began its second after A had ended its first, for A had begun its second before."""
    counters = {A: ReportCounts(A, 2, 2, 0), B: ReportCounts(B, 2, 2, 0)}
    a1, a2 = message(A, 1, 0, began=10), message(A, 2, 0, began=20)
    b1, b2 = message(B, 1, 0, began=11), message(B, 2, 0, began=30)

    def judged(*order: Received) -> Verdict:
        return judge(counters, sorted(r._replace(offset=i) for i, r in enumerate(order)))

    assert judged(a1, b1, a2, b2).good
    assert judged(b1, a1, a2, b2).good
    assert judged(b1, b2, a1, a2).out_of_order == 1


def test_tasks() -> None:
    def judged(*records: Received) -> Verdict:
        return verdict(*[one._replace(offset=i) for i, one in enumerate(records)])

    one, two, three = done = [record._replace(complete=True) for record in GOOD]
    start, end = action("START", 0), action("END", 1)
    failed = action("END", 2, 300, "x current model error y")
    killed = action("END", 3, 300, "the service process was killed")
    ready = action("READY", 4)
    again, end_again = action("START", 5), action("END", 6)
    assert judged(ready, start, one, two, three, end).good
    assert judged(ready, start, one, two, three, killed).good
    # A model that dies between two tasks.
    assert judged(ready, start, one, two, three, end, failed).good
    next_run = failed._replace(writer="run-2", request_number=7)
    assert judged(failed, next_run, ready, start, *done, end).good
    assert judged(start, one, two, three, end, failed, failed).extra_ends == 1
    assert judged(ready, start, one, two, three).missing_ends == 1
    assert judged(start, one, again, two, three, end).missing_ends == 1
    assert judged(start, one, two, three, end, end_again).extra_ends == 1
    assert judged(start, one, two, three, end, killed).extra_ends == 1
    assert judged(start, one, two, end, three).outside_task == 1
    assert judged(one, start, two, three, end).outside_task > 0
    assert judged(start, one, end, again, two, three, end_again).outside_task == 2


def test_results_lie_between_start_and_end() -> None:
    start, end = action("START", 1), action("END", 5, 300)
    inside = [message(A, n, n, topic="result", appended_ms=n + 1) for n in (1, 2, 3)]
    assert verdict(start, *inside, end).good
    late = inside[2]._replace(appended_ms=6)
    assert verdict(start, *inside[:2], late, end).outside_task == 1


def test_account(tmp_path) -> None:
    counter = ReportCounter(tmp_path)
    [path] = tmp_path.iterdir()
    assert counter.begin(70) == 1
    assert read(path) == ReportCounts(counter.reporter, 1, 0, 70)
    counter.returned()
    assert read(path) == ReportCounts(counter.reporter, 1, 1, 0)
