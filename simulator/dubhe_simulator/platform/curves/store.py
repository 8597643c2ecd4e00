"""All curves of all runs. What is in memory of their points is bounded.

The curves of a run of a former session are read when somebody asks for them, so that a start does
not cost what nobody looks at.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from dubhe_simulator.platform.curves.chunk_cache import ChunkCache, ChunkReader
from dubhe_simulator.platform.curves.curve import Curve
from dubhe_simulator.platform.curves.metric_summaries import SHARED, MetricSummaries
from dubhe_simulator.platform.curves.points import BLOCK, CHUNK, Axis, Point, PointSet
from dubhe_simulator.platform.storage.curve_queries import CurveQueries
from dubhe_simulator.platform.storage.write_batch import WriteBatch

LOOKED_AT_NUMBERS = 4_000_000  # of curves that were looked at: 32 MB


class CurveStore:
    """Not for several threads at once: the registry's lock is around it.

    Args:
        reader: reads the points that the database holds.
        queries: reads the rest that it holds of curves.
    """

    def __init__(self, reader: ChunkReader, queries: CurveQueries) -> None:
        self._cache = ChunkCache(reader)
        self._queries = queries
        self._of_run: dict[int, dict[str, Curve]] = {}
        self._stored = queries.counts()  # of runs whose curves were not read yet
        self._summaries = MetricSummaries(queries)
        self._next = queries.last_id() + 1
        self._dirty: dict[int, Curve] = {}
        self._looked_at: OrderedDict[int, Curve] = OrderedDict()  # the latest is the last

    def of(self, run: int) -> dict[str, Curve]:
        """Return a run's curves by name."""
        if self._stored.pop(run, 0):
            self._restore(run)
        return self._of_run.get(run, {})

    def count(self, run: int) -> int:
        """Return how many curves a run has."""
        return self._stored.get(run) or len(self._of_run.get(run, ()))

    def views(self, run: int) -> list[dict[str, Any]]:
        """Return a run's metrics as the page knows them."""
        return [curve.view() for curve in self.of(run).values()]

    def names(self) -> list[str]:
        """Return the names of the metrics of all runs, those that most runs have first."""
        return self._summaries.names(self._of_run)

    def named(self, run: int, names: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Return some of a run's metrics as the page knows them.

        Args:
            run: the run's number.
            names: of the metrics; None for the few that most runs have.
        """
        wanted = self.names()[:SHARED] if names is None else names
        if run in self._stored:
            return self._summaries.of(run, wanted)
        curves = self._of_run.get(run, {})
        return [curves[name].view() for name in wanted if name in curves]

    def _restore(self, run: int) -> None:
        by_id: dict[int, Curve] = {}
        for id_, name, last, low, high in self._queries.of_run(run):
            curve = by_id[id_] = self._curve(id_, run, name)
            curve.last, curve.low, curve.high = float("nan") if last is None else last, low, high
        for id_, kind, count, descends in self._queries.sets_of_run(run):
            tail = self._cache.read(id_, kind, count // CHUNK) if count % CHUNK else b""
            chunks = self._cache.of(id_, kind)
            by_id[id_].sets[kind] = PointSet(chunks, count, descends.split(), tail)

    def append(self, run: int, name: str, epoch: float, time: int, value: float) -> None:
        """Append a point."""
        curve = self.of(run).get(name)
        if curve is None:
            curve = self._curve(self._next, run, name)
            self._next += 1
            self._summaries.invalidate()
        curve.append(epoch, time, value)
        self._dirty[curve.id] = curve

    def window(
        self, run: int, name: str, axis: Axis, start: float | None, stop: float | None, width: int
    ) -> dict[str, Any] | None:
        """Return what to draw of a curve, see `Curve.window`; None if there is no such curve."""
        curve = self.of(run).get(name)
        if curve is None:
            return None
        found = curve.window(axis, start, stop, width)
        self._looked_at[curve.id] = curve
        self._looked_at.move_to_end(curve.id)
        self._forget()
        return found

    def points(self, run: int, name: str) -> Iterator[Point]:
        """Return ``(step, epoch, time, value)`` of all points as of now, to be read at leisure."""
        return self.of(run)[name].every()

    def forget(self, run: int) -> None:
        """Forget a run's curves."""
        self._stored.pop(run, None)
        self._summaries.invalidate()
        for curve in self._of_run.pop(run, {}).values():
            self._dirty.pop(curve.id, None)
            self._looked_at.pop(curve.id, None)

    def collect(self, writes: WriteBatch) -> None:
        """Add what has changed to what has to be stored."""
        for curve in self._dirty.values():
            ends = curve.last, curve.low, curve.high
            writes.curves.append((curve.id, curve.run, curve.name, *ends))
            counts = {}
            for kind, points in curve.sets.items():
                counts[kind] = len(points)
                descends = " ".join(sorted(points.descends))
                writes.point_sets.append((curve.id, kind, len(points), descends))
                for number, blob, overview in points.rows():
                    writes.chunks.append((curve.id, kind, number, blob))
                    if overview is not None:
                        writes.overviews.append((curve.id, kind, number, overview))
            writes.confirm.append(partial(curve.confirm, counts))
        self._dirty = {}

    def _curve(self, id_: int, run: int, name: str) -> Curve:
        curve = Curve(id_, run, name, partial(self._cache.of, id_))
        self._of_run.setdefault(run, {})[name] = curve
        return curve

    def _forget(self) -> None:
        """Let go of what was not looked at for longest."""
        total = sum(map(_numbers_of, self._looked_at.values()))
        while total > LOOKED_AT_NUMBERS and len(self._looked_at) > 1:
            _, curve = self._looked_at.popitem(last=False)
            total -= _numbers_of(curve)
            curve.forget()


def _numbers_of(curve: Curve) -> int:
    """Return about how many numbers are in memory because the curve was looked at."""
    return 5 * curve.points // BLOCK + 2 * curve.copied
