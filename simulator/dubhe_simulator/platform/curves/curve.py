"""A run's metric: a small summary that is always in memory, and its points, which are not.

NaN and infinity are kept apart from what can be drawn, as marks, each kind in a set of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import pairwise
from typing import Any

from dubhe_simulator.platform.curves.downsampling import (
    Column,
    SortedPoints,
    pixel_columns,
    select_points,
)
from dubhe_simulator.platform.curves.points import Axis, Chunks, Point, PointSet

FINITE = ""
MARKS = ("NaN", "Infinity", "-Infinity")
_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}


def number_or_name(value: float) -> float | str:
    """Return a number, or the word that stands for one that JSON lacks."""
    return value if math.isfinite(value) else _NAMES.get(value, "NaN")


def metric_view(
    name: str, points: int, last: float, low: float | None, high: float | None
) -> dict[str, Any]:
    """Return a metric as the page knows it."""
    shown = number_or_name(last) if points else None
    return {"name": name, "points": points, "last": shown, "low": low, "high": high}


class Curve:
    """One metric of one run.

    Args:
        id_: its number in the database.
        run: the run's number.
        name: the metric's name.
        chunks: ``kind`` → what the database holds of the points of this kind, `FINITE` or a mark.

    Attributes:
        sets: the points by kind.
        last: the latest value.
        low: the lowest finite value; None while there is none.
        high: the highest finite value; likewise.
    """

    def __init__(self, id_: int, run: int, name: str, chunks: Callable[[str], Chunks]) -> None:
        self.id = id_
        self.run = run
        self.name = name
        self.last = 0.0
        self.low: float | None = None
        self.high: float | None = None
        self._chunks = chunks
        self.sets = {FINITE: PointSet(chunks(FINITE))}
        self._sorted: dict[tuple[str, Axis], SortedPoints] = {}

    @property
    def points(self) -> int:
        """How many there are, NaN and infinity included."""
        return sum(map(len, self.sets.values()))

    def append(self, epoch: float, time: int, value: float) -> None:
        """Append a point.

        Args:
            epoch: how many epochs were done, as a fraction.
            time: milliseconds since 1970.
            value: the reported value.
        """
        kind = FINITE
        if math.isfinite(value):
            self.low = value if self.low is None else min(self.low, value)
            self.high = value if self.high is None else max(self.high, value)
        else:
            kind = str(number_or_name(value))
        points = self.sets.get(kind)
        if points is None:
            points = self.sets[kind] = PointSet(self._chunks(kind))
        points.append(self.points, epoch, time, value)
        self.last = value

    def confirm(self, counts: dict[str, int]) -> None:
        """The database holds the first so many points of each kind."""
        for kind, count in counts.items():
            self.sets[kind].confirm(count)

    def every(self) -> Iterator[Point]:
        """Yield all points as of now, in the order of arrival; to be read at leisure."""
        return merge(*(points.every() for points in self.sets.values()))

    def window(
        self, axis: Axis, start: float | None, stop: float | None, width: int
    ) -> dict[str, Any]:
        """Return what to draw between two limits.

        Args:
            axis: what x is.
            start: left limit, None for all.
            stop: right limit, None for all.
            width: pixels.
        """
        in_order = self._by(FINITE, axis)
        found = select_points(in_order, start, stop, width)
        marks = {kind: self._by(kind, axis).x for kind in MARKS if kind in self.sets}
        ends = [end for x in (in_order.x, *marks.values()) if len(x) for end in (x[0], x[-1])]
        extent = [min(ends), max(ends)] if ends else None
        return {
            "axis": axis,
            "x": found.x,
            "y": found.y,
            "marks": _marks_shown(marks, extent, start, stop, width),
            "total": found.total,
            "reduced": found.reduced,
            "extent": extent,
        }

    @property
    def copied(self) -> int:
        """How many points are held in memory because an axis goes back."""
        return sum(points.copied for points in self._sorted.values())

    def forget(self) -> None:
        """Let everything go that is only needed while somebody looks."""
        self._sorted = {}
        for points in self.sets.values():
            points.forget()

    def view(self) -> dict[str, Any]:
        """Return it as the page knows it."""
        return metric_view(self.name, self.points, self.last, self.low, self.high)

    def _by(self, kind: str, axis: Axis) -> SortedPoints:
        points = self._sorted.get((kind, axis))
        if points is None:
            points = self._sorted[kind, axis] = SortedPoints(self.sets[kind], axis)
        points.grow()
        return points


def _marks_shown(
    marks: dict[str, Column], extent: list[float] | None,
    start: float | None, stop: float | None, width: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the marks between the limits: at most one of each kind per pixel."""
    if extent is None:
        return []
    left, right = extent[0] if start is None else start, extent[1] if stop is None else stop
    shown = [
        {"x": x[begin], "value": name}
        for name, x in marks.items()
        for begin, end in pairwise(pixel_columns(x, left, right, width))
        if begin < end
    ]
    return sorted(shown, key=lambda mark: mark["x"])
