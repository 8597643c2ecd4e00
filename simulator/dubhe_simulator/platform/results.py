"""Results on their way into the store, and those that wait for their run.

In Kafka results lie in another topic than START, so a reader may meet a result first. It then
waits for the START, without a run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from dubhe_simulator.platform.findings import results_in
from dubhe_simulator.platform.store import Store
from dubhe_simulator.platform.unsaved import Unsaved


@dataclass(frozen=True)
class Waiting:
    """One image's result without a run."""

    id: int
    at_ms: int
    images: int
    labelled: bool
    since: float


class Results:
    """Not for several threads at once: the book's lock is around it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = store.one("SELECT coalesce(max(id), 0) + 1 FROM results")[0]
        self._waiting: dict[str, list[Waiting]] = {}

    def restore(self) -> None:
        """Take those that wait from the store."""
        labelled = "EXISTS (SELECT 1 FROM findings WHERE result = id AND truth != '')"
        sql = f"SELECT id, instance, at_ms, {labelled} FROM results WHERE run IS NULL"
        for id_, instance, at_ms, known in self._store.rows(sql):
            waiting = Waiting(id_, at_ms, 1, bool(known), time.monotonic())
            self._waiting.setdefault(instance, []).append(waiting)

    def add(
        self, instance: str, run: int | None, at_ms: int, data: Any, unsaved: Unsaved
    ) -> tuple[list[int], int, bool]:
        """Store a result message; return its rows' ids, its images, whether a truth is known."""
        ids, labelled = [], False
        for image in results_in(data):
            ids.append(self._next)
            labelled = labelled or image.labelled
            unsaved.results.append((self._next, run, instance, at_ms, image.path))
            unsaved.findings += [
                (self._next, n, f.truth, f.predicted, f.conf, f.shape_type, f.position, f.special)
                for n, f in enumerate(image.findings)
            ]
            self._next += 1
        return ids, len(ids), labelled

    def wait(self, instance: str, at_ms: int, ids: list[int], images: int, labelled: bool) -> None:
        """Let rows wait for a run."""
        now = time.monotonic()
        waiting = self._waiting.setdefault(instance, [])
        waiting += [Waiting(id_, at_ms, 1, labelled, now) for id_ in ids]

    def claim(self, instance: str, from_ms: int) -> list[Waiting]:
        """Return those of an instance that were said from this time on; they wait no longer."""
        waiting = self._waiting.pop(instance, [])
        claimed = [result for result in waiting if result.at_ms >= from_ms]
        if len(claimed) < len(waiting):
            self._waiting[instance] = [r for r in waiting if r.at_ms < from_ms]
        return claimed

    def waited_longer_than(self, seconds: float) -> list[tuple[str, int]]:
        """Return the instances that have waiting results, and when the first was said."""
        now = time.monotonic()
        return [
            (instance, min(result.at_ms for result in waiting))
            for instance, waiting in self._waiting.items()
            if waiting and now - waiting[0].since > seconds
        ]
