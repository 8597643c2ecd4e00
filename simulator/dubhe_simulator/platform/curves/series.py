"""All points of one curve in memory: what the axes step, epoch and time need."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, get_args

from dubhe_simulator.platform.curves.downsampling import SortedPoints, pixel_columns, select_points

Axis = Literal["step", "epoch", "time"]
AXES: tuple[str, ...] = get_args(Axis)
MARKS = ("NaN", "Infinity", "-Infinity")

_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}


def number_or_name(value: float) -> float | str:
    """Return a number, or the word that stands for one that JSON lacks."""
    return value if math.isfinite(value) else _NAMES.get(value, "NaN")


@dataclass
class Points:
    """Points in the order of arrival.

    Attributes:
        step: which of the messages with this metric it was, from 0.
        epoch: how many epochs were done, as a fraction.
        time: milliseconds since 1970.
        value: the reported value.
    """

    step: array[int] = field(default_factory=lambda: array("q"))
    epoch: array[float] = field(default_factory=lambda: array("d"))
    time: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))
    _sorted: dict[Axis, SortedPoints] = field(default_factory=dict)

    def by(self, axis: Axis) -> SortedPoints:
        """Return the points in the order of an axis."""
        points = self._sorted.get(axis)
        if points is None:
            points = self._sorted[axis] = SortedPoints(getattr(self, axis), self.value)
        points.grow()
        return points


class Series:
    """The points of a curve. NaN and infinity are kept apart, as marks.

    Attributes:
        finite: the points that can be drawn.
        marks: the others, by the names in `MARKS`.
    """

    def __init__(self) -> None:
        self.finite = Points()
        self.marks = {name: Points() for name in MARKS}

    def extend(
        self, first_step: int, epoch: array[float], time: array[int], value: array[float]
    ) -> None:
        """Append points that follow each other, the first being number ``first_step``."""
        if all(map(math.isfinite, value)):
            points = self.finite
            points.step.extend(range(first_step, first_step + len(value)))
            points.epoch.extend(epoch)
            points.time.extend(time)
            points.value.extend(value)
            return
        for offset, point in enumerate(zip(epoch, time, value, strict=True)):
            self.append(first_step + offset, *point)

    def append(self, step: int, epoch: float, time: int, value: float) -> None:
        """Append one point."""
        points = self.finite if math.isfinite(value) else self.marks[str(number_or_name(value))]
        points.step.append(step)
        points.epoch.append(epoch)
        points.time.append(time)
        points.value.append(value)

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
        in_order = self.finite.by(axis)
        found = select_points(in_order, start, stop, width)
        marks = {name: points.by(axis).x for name, points in self.marks.items() if points.value}
        ends = [end for x in (in_order.x, *marks.values()) if x for end in (x[0], x[-1])]
        extent = [min(ends), max(ends)] if ends else None
        return {
            "axis": axis,
            "x": [in_order.x[i] for i in found.indices],
            "y": [in_order.y[i] for i in found.indices],
            "marks": _marks_shown(marks, extent, start, stop, width),
            "total": found.total,
            "reduced": found.reduced,
            "extent": extent,
        }


def _marks_shown(
    marks: dict[str, array[int] | array[float]], extent: list[float] | None,
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
