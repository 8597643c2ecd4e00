"""Metrics of all runs at once, for the table of runs, at a cost that does not grow with the rest.

What the database holds of a run of a former session does not change while nobody has asked for
that run's curves, so it is read once for each name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dubhe_simulator.platform.curves.curve import Curve, metric_view
from dubhe_simulator.platform.storage.curve_queries import CurveQueries

SHARED = 4  # metrics that are shown of every run without being asked for
LISTED = 1000  # names of metrics


class MetricSummaries:
    """Not for several threads at once: the registry's lock is around it.

    Args:
        queries: reads what is not in memory.
    """

    def __init__(self, queries: CurveQueries) -> None:
        self._queries = queries
        self._stored: dict[str, dict[int, dict[str, Any]]] = {}  # by name and run
        self._names: list[str] | None = None

    def invalidate(self) -> None:
        """There is another curve, or one less."""
        self._names = None

    def names(self, loaded: Mapping[int, Mapping[str, Curve]]) -> list[str]:
        """Return the names of metrics, those that most runs have first, at most `LISTED`.

        Args:
            loaded: the curves that are in memory, by run and name. What is not stored yet counts
                with the next curve.
        """
        if self._names is None:
            names = dict.fromkeys(self._queries.most_shared(LISTED))
            for curves in loaded.values():
                names |= dict.fromkeys(curves)
            self._names = list(names)[:LISTED]
        return self._names

    def of(self, run: int, names: Iterable[str]) -> list[dict[str, Any]]:
        """Return some metrics of a run whose curves are not in memory, as the page knows them."""
        found = (self._of_name(name).get(run) for name in names)
        return [view for view in found if view is not None]

    def _of_name(self, name: str) -> dict[int, dict[str, Any]]:
        stored = self._stored.get(name)
        if stored is None:
            stored = self._stored[name] = {}
            for run, last, low, high, points in self._queries.summaries(name):
                value = float("nan") if last is None else last
                stored[run] = metric_view(name, points or 0, value, low, high)
        return stored
