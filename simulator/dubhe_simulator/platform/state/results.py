"""Results on their way into the database, and those that wait for their run.

In Kafka results lie in another topic than START, so a reader may meet a result first. It then
waits for the START, without a run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from dubhe_simulator.contract.json_safe import encode
from dubhe_simulator.contract.predictions import results_in
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.platform.storage.write_batch import Row, WriteBatch


@dataclass(frozen=True)
class Waiting:
    """One result without a run; ``image``: whether it is of an image."""

    id: int
    at_ms: int
    image: bool
    labelled: bool
    since: float


class ResultBuffer:
    """Not for several threads at once: the registry's lock is around it.

    Args:
        database: has those of the platform's former sessions.
    """

    def __init__(self, database: Database) -> None:
        self._next: int = database.one("SELECT coalesce(max(id), 0) + 1 FROM results")[0]
        self._waiting: dict[str, list[Waiting]] = {}
        self._rows: list[Row] = []
        self._predictions: list[Row] = []
        self._moved: list[Row] = []
        labelled = "EXISTS (SELECT 1 FROM predictions WHERE result = id AND truth != '')"
        columns = f"id, instance, at_ms, plain IS NULL, {labelled}"
        sql = f"SELECT {columns} FROM results WHERE run IS NULL"
        for id_, instance, at_ms, image, known in database.rows(sql):
            waiting = Waiting(id_, at_ms, bool(image), bool(known), time.monotonic())
            self._waiting.setdefault(instance, []).append(waiting)

    def add(self, instance: str, run: int | None, at_ms: int, data: Any) -> tuple[int, bool]:
        """Take in a result message; return its images, and whether a truth is known.

        A result of the algorithm's own format is kept as it came, as one without an image.

        Args:
            instance: whose.
            run: its run; None lets it wait for one.
            at_ms: when it was reported, in ms since 1970.
            data: as the message has it.
        """
        images = list(results_in(data))
        for image in images:
            number = self._add(instance, run, at_ms, image.path, None, image.labelled)
            self._predictions += [
                (number, place, p.truth, p.predicted, p.confidence, p.shape_type, p.position,
                 p.special)
                for place, p in enumerate(image.predictions)
            ]  # fmt: skip
        if not images:
            self._add(instance, run, at_ms, "", encode(data), False)
        return len(images), any(image.labelled for image in images)

    def _add(
        self, instance: str, run: int | None, at_ms: int, path: str, plain: str | None,
        labelled: bool,
    ) -> int:  # fmt: skip
        number = self._next
        self._next += 1
        self._rows.append((number, run, instance, at_ms, path, plain))
        if run is None:
            waiting = Waiting(number, at_ms, plain is None, labelled, time.monotonic())
            self._waiting.setdefault(instance, []).append(waiting)
        return number

    def claim(self, instance: str, run: int, from_ms: int) -> list[Waiting]:
        """Give a run those of its instance that were reported from this time on; return them."""
        waiting = self._waiting.pop(instance, [])
        claimed = [result for result in waiting if result.at_ms >= from_ms]
        if len(claimed) < len(waiting):
            self._waiting[instance] = [r for r in waiting if r.at_ms < from_ms]
        self._moved += [(run, result.id) for result in claimed]
        return claimed

    def waited_longer_than(self, seconds: float) -> list[tuple[str, int]]:
        """Return the instances that have waiting results, and when the first was reported."""
        now = time.monotonic()
        return [
            (instance, min(result.at_ms for result in waiting))
            for instance, waiting in self._waiting.items()
            if waiting and now - waiting[0].since > seconds
        ]

    def forget(self, instance: str) -> None:
        """Forget an instance's results."""
        self._waiting.pop(instance, None)
        gone = {row[0] for row in self._rows if row[2] == instance}
        self._rows = [row for row in self._rows if row[0] not in gone]
        self._predictions = [row for row in self._predictions if row[0] not in gone]

    def forget_run(self, run: int) -> None:
        """Forget a run's results."""
        gone = {row[0] for row in self._rows if row[1] == run}
        self._rows = [row for row in self._rows if row[0] not in gone]
        self._predictions = [row for row in self._predictions if row[0] not in gone]

    def collect(self, writes: WriteBatch) -> None:
        """Add what has changed to what has to be stored."""
        writes.results, self._rows = self._rows, []
        writes.predictions, self._predictions = self._predictions, []
        writes.moved, self._moved = self._moved, []
