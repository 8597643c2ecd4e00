"""All curves of all runs; the points of those that somebody looks at are in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dubhe_simulator.platform.curves.curve import CHUNK, Curve, PointColumns
from dubhe_simulator.platform.curves.series import Series
from dubhe_simulator.platform.storage.write_batch import WriteBatch

LOADED_POINTS = 4_000_000  # about 150 MB


class CurveStore:
    """Not for several threads at once: the registry's lock is around it.

    Args:
        read_chunks: ``(curve id, count)`` → the first chunks of a curve in the database.
    """

    def __init__(self, read_chunks: Callable[[int, int], Iterable[bytes]]) -> None:
        self._read_chunks = read_chunks
        self._of_run: dict[int, dict[str, Curve]] = {}
        self._next = 1
        self._dirty: dict[int, Curve] = {}
        self._loaded: OrderedDict[int, Curve] = OrderedDict()  # the one looked at last is last

    def restore(self, rows: Iterable[tuple[Any, ...]], tail: Callable[[int, int], bytes]) -> None:
        """Take what the database holds of each curve.

        Args:
            rows: ``(id, run, name, points, last, low, high)``.
            tail: ``(curve id, number)`` → a partial chunk.
        """
        for id_, run, name, points, last, low, high in rows:
            value = float("nan") if last is None else last
            curve = Curve(id_, run, name, points, value, low, high, points // CHUNK)
            if points % CHUNK:
                curve.pending.unpack(tail(id_, curve.saved))
            self._of_run.setdefault(run, {})[name] = curve
            self._next = max(self._next, id_ + 1)

    def of(self, run: int) -> dict[str, Curve]:
        """Return a run's curves by name."""
        return self._of_run.get(run, {})

    def append(self, run: int, name: str, epoch: float, time: int, value: float) -> None:
        """Append a point."""
        curves = self._of_run.setdefault(run, {})
        curve = curves.get(name)
        if curve is None:
            curve = curves[name] = Curve(self._next, run, name)
            self._next += 1
        curve.append(epoch, time, value)
        self._dirty[curve.id] = curve

    def series(self, run: int, name: str) -> Series | None:
        """Return all points of a curve; None if there is no such curve."""
        curve = self.of(run).get(name)
        if curve is None:
            return None
        if curve.series is None:
            curve.load(self._read_chunks(curve.id, curve.saved))
            self._loaded[curve.id] = curve
        self._loaded.move_to_end(curve.id)
        self._forget()
        assert curve.series is not None
        return curve.series

    def points(self, run: int, name: str) -> Iterator[tuple[float, int, float]]:
        """Return ``(epoch, time, value)`` of all points as of now, to be read at leisure."""
        curve = self.of(run)[name]
        columns = PointColumns()
        for blob in self._read_chunks(curve.id, curve.saved):
            columns.unpack(blob)
        pending = curve.pending
        columns.unpack(pending.pack(0, len(pending)))
        return zip(columns.epoch, columns.time, columns.value, strict=True)

    def forget(self, run: int) -> None:
        """Forget a run's curves."""
        for curve in self._of_run.pop(run, {}).values():
            self._dirty.pop(curve.id, None)
            self._loaded.pop(curve.id, None)

    def collect(self, writes: WriteBatch) -> None:
        """Add what has changed to what has to be stored."""
        for curve in self._dirty.values():
            ends = curve.last, curve.low, curve.high
            writes.curves.append((curve.id, curve.run, curve.name, curve.points, *ends))
            writes.chunks += curve.pending_rows()
            writes.confirm.append(lambda c=curve, n=curve.points: c.confirm(n))  # type: ignore[misc]
        self._dirty = {}

    def _forget(self) -> None:
        """Let go of what was not looked at for longest."""
        total = sum(curve.points for curve in self._loaded.values())
        while total > LOADED_POINTS and len(self._loaded) > 1:
            _, curve = self._loaded.popitem(last=False)
            curve.series = None
            total -= curve.points
