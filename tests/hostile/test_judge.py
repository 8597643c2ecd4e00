"""The rules find what they are for: a sound observation, and the same with one fault each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.judge import judge
from tests.hostile.observation import Observation

Fault = Callable[[Observation], object]


def message(mes_type: int, data: dict[str, Any], number: int) -> dict[str, Any]:
    value = {
        "instance_id": "a-b-train-c",
        "request_number": number,
        "date": 1000 + number,
        "mes_type": mes_type,
        "data": data,
    }
    return {"topic": "status", "value": value}


def state(action: str, status: int, number: int) -> dict[str, Any]:
    return message(int(action != "READY"), {"action": action, "status": status, "msg": "m"}, number)


def progress(n: int, number: int) -> dict[str, Any]:
    return message(2, {"pid": 1, "thread": 1, "n": n, "progress": 0.5, "epoch": 1}, number)


def entry(what: str, at: int, task: str, n: int = 0) -> dict[str, Any]:
    return {"what": what, "at": at, "pid": 1, "thread": 1, "task": task, "n": n}


def sound() -> Observation:
    """Two tasks with two reports each."""
    messages, account, at = [state("READY", 200, 1)], [], 0
    for task, first in (("one", 1), ("two", 3)):
        messages.append(state("START", 200, len(messages) + 1))
        account.append(entry("started", at := at + 1, task))
        for n in (first, first + 1):
            account.append(entry("report begun", at := at + 1, task, n))
            account.append(entry("report returned", at := at + 1, task, n))
            messages.append(progress(n, len(messages) + 1))
        account.append(entry("finished", at := at + 1, task))
        messages.append(state("END", 200, len(messages) + 1))
    return Observation(
        folder=Path(),
        messages=messages,
        account=account,
        status=0,
        asked_ms=2000,
        heartbeats=5,
        missed=[],
        undelivered=0,
    )


def not_finished(seen: Observation) -> None:
    seen.account = [e for e in seen.account if (e["what"], e["task"]) != ("finished", "two")]


def reported_late(seen: Observation) -> None:
    """It was reported in the first task, and lies in the second."""
    seen.messages[3], seen.messages[4] = seen.messages[4], seen.messages[3]
    seen.messages[4], seen.messages[5] = seen.messages[5], seen.messages[4]


FAULTS: dict[str, tuple[Fault, str]] = {
    "no END": (lambda seen: seen.messages.pop(), "has 0 END"),
    "two END": (lambda seen: seen.messages.append(state("END", 300, 99)), "has 2 END"),
    "END 200 of what was cut short": (not_finished, "did not come to its end"),
    "no START": (lambda seen: seen.messages.pop(1), "2 tasks began, 1 START"),
    "a lost message": (lambda seen: seen.messages.pop(2), "is lost"),
    "a message twice": (
        lambda seen: seen.messages.insert(3, progress(1, 99)),
        "out of order, or twice",
    ),
    "messages out of order": (
        lambda seen: seen.messages.insert(2, seen.messages.pop(3)),
        "out of order",
    ),
    "a message that nobody reported": (
        lambda seen: seen.messages.insert(4, progress(9, 99)),
        "was never reported",
    ),
    "a message of the other task": (reported_late, "belongs to task one"),
    "a message after END": (
        lambda seen: seen.messages.append(progress(5, 99)),
        "lies outside of a task",
    ),
    "one number twice": (
        lambda seen: seen.messages[3]["value"].update(request_number=3),
        "request_number 3, 2 times",
    ),
    "a key too many": (lambda seen: seen.messages[2]["value"].update(extra=1), "has the keys"),
    "an END of two lines": (
        lambda seen: seen.messages[-1]["value"]["data"].update(msg="a\nb"),
        "not one line",
    ),
    "a heartbeat without an answer": (
        lambda seen: seen.missed.append((1999, "refused")),
        "a heartbeat was not answered",
    ),
    "undelivered messages": (lambda seen: setattr(seen, "undelivered", 2), "not delivered"),
}


def test_a_sound_run_has_no_fault() -> None:
    assert judge(sound()) == []


def test_after_the_stop_heartbeats_may_be_missed() -> None:
    seen = sound()
    seen.missed.append((2001, "refused"))
    assert judge(seen) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str) -> None:
    seen = copy.deepcopy(sound())
    change, problem = FAULTS[fault]
    change(seen)
    assert problem in "\n".join(judge(seen))
