"""Which request began a run, and its parameters in a form that can be put beside another's."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from dubhe_sdk.contract.requests import FLAG_OK, RequestType
from dubhe_simulator.contract.secrets import without_secrets
from dubhe_simulator.platform.state.records import Run
from dubhe_simulator.platform.storage.database import Database

TASKS = (int(RequestType.TRAIN), int(RequestType.PREDICT))
LONGEST = 200  # characters of a parameter in a table; the request itself is kept whole
MOST = 500  # parameters of a run
_NOT_PARAMETERS = frozenset({"req_type", "instance_id", "request_number"})

Parameter = str | int | float | bool | None

_RESTORE = """
SELECT id, instance, at_ms FROM sends WHERE json_valid(body)
AND json_extract(body, '$.req_type') IN (1, 2)
AND (reply IS NULL OR NOT json_valid(reply) OR json_extract(reply, '$.flag') = 1) ORDER BY id
"""


def parameters(body: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return a request's parameters, nested ones by a path: ``special_params.lr``.

    Lists are one parameter, as JSON. What is longer than `LONGEST` characters is cut, and of more
    than `MOST` parameters the first are returned. Secrets are masked.
    """
    shown = without_secrets(body)
    given = {name: value for name, value in shown.items() if name not in _NOT_PARAMETERS}
    found: dict[str, Parameter] = {}
    for path, value in _leaves(given, ""):
        if len(found) == MOST:
            break
        found[path] = _short(value)
    return found


class Requests:
    """Not for several threads at once: the registry's lock is around it.

    Args:
        database: has those of the platform's former sessions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks: dict[str, list[tuple[int, int]]] = {}
        self._parameters: dict[int, dict[str, Parameter]] = {}
        for number, instance, at_ms in database.rows(_RESTORE):
            self._tasks.setdefault(instance, []).append((at_ms, number))

    def add(
        self, number: int, instance: str, at_ms: int, body: Mapping[str, Any],
        reply: Mapping[str, Any] | None,
    ) -> None:  # fmt: skip
        """Take in a request that was sent, with its answer if there is one."""
        self._parameters[number] = parameters(body)
        refused = reply is not None and reply.get("flag") != FLAG_OK
        if body.get("req_type") in TASKS and not refused:
            self._tasks.setdefault(instance, []).append((at_ms, number))

    def of(self, run: Run, before: Run | None) -> int | None:
        """Return the number of the request that began a run; None if it was not sent from here.

        Args:
            run: the run.
            before: the instance's run before it: its request began no other.
        """
        if run.send is not None:
            return run.send
        tasks = self._tasks.get(run.instance, [])
        place = bisect_right(tasks, run.started_ms, key=lambda task: task[0])
        if place == 0 or (before is not None and tasks[place - 1][0] <= before.started_ms):
            return None
        return tasks[place - 1][1]

    def parameters_of(self, number: int | None) -> dict[str, Parameter]:
        """Return the parameters of a request."""
        if number is None:
            return {}
        found = self._parameters.get(number)
        if found is None:
            rows = self._database.rows("SELECT body FROM sends WHERE id = ?", (number,))
            found = self._parameters[number] = parameters(json.loads(rows[0][0])) if rows else {}
        return found

    def forget(self, instance: str) -> None:
        """Forget an instance's requests."""
        for _, number in self._tasks.pop(instance, []):
            self._parameters.pop(number, None)


def _leaves(value: Mapping[str, Any], path: str) -> Iterable[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", inner


def _short(value: Any) -> Parameter:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
