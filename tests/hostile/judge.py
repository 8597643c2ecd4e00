"""What holds for every algorithm, whatever its habits: `judge`.

Each rule compares what the platform saw with the algorithm's own account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

from tests.hostile.observation import Observation
from tests.support.journal import says

_KEYS = ["instance_id", "request_number", "date", "mes_type", "data"]


class Task(NamedTuple):
    """A task as the platform sees it, and as the algorithm does."""

    number: int
    """From 1."""
    start: int
    """Index of START among the messages."""
    end: int
    """Index of END; the number of messages if there is none."""
    name: str
    """The request's `algorithm_id`; empty if the method did not begin."""
    finished: bool
    """Whether the method ran to its end."""
    last_ns: int
    """When the method had certainly not ended yet: the last that its own thread noted."""


def judge(seen: Observation) -> list[str]:
    """Return what is not as it has to be."""
    tasks = tasks_of(seen)
    return [
        *_messages(seen),
        *_ends(seen, tasks),
        *_places(seen, tasks),
        *_losses(seen, tasks),
        *_heartbeats(seen),
        *([f"{seen.undelivered} messages are not delivered"] if seen.undelivered else []),
    ]


def tasks_of(seen: Observation) -> list[Task]:
    """Return the tasks, in order."""
    words = seen.reported
    starts = [index for index, word in enumerate(words) if word == "START"]
    ends = [index for index, word in enumerate(words) if word.startswith("END")]
    begun = [] if seen.is_inference else seen.noted("started")
    finished = {entry["task"]: entry["at"] for entry in seen.noted("finished")}
    tasks = []
    for number, start in enumerate(starts, 1):
        end = next((end for end in ends if end > start), len(words))
        name, last = "", 0
        if number <= len(begun):
            own = begun[number - 1]
            name = own["task"]
            until = begun[number]["at"] if number < len(begun) else 2**63
            notes = [e["at"] for e in seen.account if _who(e) == _who(own) and e["at"] < until]
            last = finished.get(name, max(notes))
        tasks.append(Task(number, start, end, name, name in finished, last))
    return tasks


def _messages(seen: Observation) -> Iterator[str]:
    """Each message has the contract's keys and a number of its own."""
    numbers = Counter(message["value"]["request_number"] for message in seen.messages)
    for number, count in numbers.items():
        if count > 1 or not 0 < number < 2**63:
            yield f"request_number {number}, {count} times"
    for message in seen.messages:
        if sorted(message["value"]) != sorted(_KEYS):
            yield f"a message has the keys {list(message['value'])}"
    for end in seen.ends:
        if not end["msg"].isprintable() or len(end["msg"]) > 4096:
            yield f"END's text is not one line of bounded length: {end['msg'][:200]!r}"


def _ends(seen: Observation, tasks: list[Task]) -> Iterator[str]:
    """Exactly one END follows each START, and 200 only if the method ran to its end."""
    words = seen.reported
    for task, after in zip_longest(tasks, tasks[1:]):
        part = words[task.start : after.start if after else None]
        ends = [word for word in part if word.startswith("END")]
        if len(ends) != 1:
            yield f"task {task.number} has {len(ends)} END: {words}"
        elif ends == ["END 200"] and not task.finished:
            yield f"task {task.number} did not come to its end, and its END is 200"
    begun = len(seen.noted("started"))
    if begun > len(tasks) and not seen.is_inference:
        yield f"{begun} tasks began, {len(tasks)} START arrived"


def _places(seen: Observation, tasks: list[Task]) -> Iterator[str]:
    """What arrives was reported, and arrives once, in order, within its own task."""
    entered = {_identity(e): e["task"] for e in seen.noted("report begun")}
    latest: dict[tuple[str, int, int], int] = {}
    for index, message in enumerate(seen.messages):
        if says(message) not in ("progress", "result"):
            continue
        data = message["value"]["data"]
        task = next((t for t in tasks if t.start < index < t.end), None)
        if task is None:
            yield f"message {index} lies outside of a task: {str(data)[:200]}"
        elif _is_numbered(data):
            pid, thread, n = identity = _identity(data)
            text = f"message {n} of process {pid}"
            if identity not in entered:
                yield f"{text} was never reported"
            elif entered[identity] != task.name:
                yield f"{text} belongs to task {entered[identity]} and is in {task.name}"
            key = (message["topic"], pid, thread)
            if n <= latest.get(key, 0):
                yield f"{text} comes after {latest[key]}: out of order, or twice"
            latest[key] = n


def _losses(seen: Observation, tasks: list[Task]) -> Iterator[str]:
    """What was reported before its task's end has arrived."""
    there = {_identity(data) for data in seen.data if _is_numbered(data)}
    last = {task.name: task.last_ns for task in tasks}
    for entry in seen.noted("report returned"):
        if entry["at"] <= last.get(entry["task"], 0) and _identity(entry) not in there:
            yield f"message {entry['n']} of process {entry['pid']} was accepted and is lost"


def _is_numbered(data: Any) -> bool:
    return isinstance(data, dict) and "thread" in data


def _who(entry: dict[str, Any]) -> tuple[int, int]:
    return entry["pid"], entry["thread"]


def _identity(entry: dict[str, Any]) -> tuple[int, int, int]:
    return entry["pid"], entry["thread"], entry["n"]


def _heartbeats(seen: Observation) -> Iterator[str]:
    """They are answered until a stop is asked for, or the service has ended by a failure."""
    over = seen.asked_ms
    if over is None:
        failed = [m["value"]["date"] for m in seen.messages if says(m) == "END 300"]
        over = failed[-1] if failed else None
    for at, why in seen.missed:
        if over is None or at < over:
            yield f"a heartbeat was not answered: {why}"
    if "READY" in seen.reported and not seen.heartbeats:
        yield "no heartbeat was answered"
