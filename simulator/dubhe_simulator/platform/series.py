"""All points of one curve in memory: what the axes step, epoch and time need."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from dubhe_simulator.platform.pyramid import Pyramid
from dubhe_simulator.platform.window import look

Axis = Literal["step", "epoch", "time"]
AXES: tuple[str, ...] = get_args(Axis)

_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}


def number_or_name(value: float) -> float | str:
    """Return a number, or the word that stands for one that JSON lacks."""
    return value if math.isfinite(value) else _NAMES.get(value, "NaN")


@dataclass
class _View:
    """Points in the order of one axis; ``taken`` of the series' points are in it."""

    x: array[int] | array[float]
    y: array[float]
    pyramid: Pyramid
    taken: int


@dataclass
class Series:
    """Points in the order of arrival. NaN and infinity are kept apart, as marks.

    Attributes:
        step: which of the messages with this metric it was, from 0.
        epoch: how many epochs were done, as a fraction.
        time: milliseconds since 1970.
        value: finite numbers.
        marks: ``(step, epoch, time, "NaN" | "Infinity" | "-Infinity")``.
    """

    step: array[int] = field(default_factory=lambda: array("q"))
    epoch: array[float] = field(default_factory=lambda: array("d"))
    time: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))
    marks: list[tuple[int, float, int, str]] = field(default_factory=list)
    _views: dict[str, _View] = field(default_factory=dict)
    _sorted_until: dict[str, int] = field(default_factory=dict)
    _pyramid: Pyramid | None = None

    def extend(
        self, first_step: int, epoch: array[float], time: array[int], value: array[float]
    ) -> None:
        """Append points that follow each other, the first being number ``first_step``."""
        if all(map(math.isfinite, value)):
            self.step.extend(range(first_step, first_step + len(value)))
            self.epoch.extend(epoch)
            self.time.extend(time)
            self.value.extend(value)
            return
        for offset, point in enumerate(zip(epoch, time, value, strict=True)):
            self.append(first_step + offset, *point)

    def append(self, step: int, epoch: float, time: int, value: float) -> None:
        """Append one point."""
        if math.isfinite(value):
            self.step.append(step)
            self.epoch.append(epoch)
            self.time.append(time)
            self.value.append(value)
        else:
            self.marks.append((step, epoch, time, str(number_or_name(value))))

    def __len__(self) -> int:
        return len(self.value) + len(self.marks)

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
        view = self._view(axis)
        found = look(view.x, view.pyramid, start, stop, width)
        marks = sorted((self._mark_x(axis, mark), mark[3]) for mark in self.marks)
        ends = [
            end
            for values in (view.x, [m[0] for m in marks])
            if values
            for end in (values[0], values[-1])
        ]
        return {
            "axis": axis,
            "x": [view.x[i] for i in found.indices],
            "y": [view.y[i] for i in found.indices],
            "marks": _marks_shown(marks, start, stop, width),
            "total": found.total,
            "reduced": found.reduced,
            "extent": [min(ends), max(ends)] if ends else None,
        }

    def _view(self, axis: Axis) -> _View:
        x: array[int] | array[float] = getattr(self, axis)
        if axis == "step" or self._is_sorted(axis, x):
            if self._pyramid is None:
                self._pyramid = Pyramid(self.value)
            self._pyramid.grow()
            return _View(x, self.value, self._pyramid, len(x))
        view = self._views.get(axis)
        if view is None or view.taken < len(x):
            view = self._views[axis] = self._sort(view, x)
        return view

    def _is_sorted(self, axis: str, x: array[int] | array[float]) -> bool:
        """Ranks interleave and training resumes: not every axis only ever grows."""
        until = self._sorted_until.get(axis, 1)
        if until < 0:
            return False
        for index in range(until, len(x)):
            if x[index] < x[index - 1]:
                self._sorted_until[axis] = -1
                return False
        self._sorted_until[axis] = max(1, len(x))
        return True

    def _sort(self, view: _View | None, x: array[int] | array[float]) -> _View:
        order = sorted(range(len(x)), key=x.__getitem__)  # stable, quick for what is nearly sorted
        y = array("d", map(self.value.__getitem__, order))
        return _View(array(x.typecode, map(x.__getitem__, order)), y, Pyramid(y), len(x))

    @staticmethod
    def _mark_x(axis: Axis, mark: tuple[int, float, int, str]) -> float:
        return mark[AXES.index(axis)]  # type: ignore[return-value]


def _marks_shown(
    marks: list[tuple[float, str]], start: float | None, stop: float | None, width: int
) -> list[dict[str, Any]]:
    """Return the marks between the limits: at most one of each kind per pixel."""
    first = 0 if start is None else bisect_left(marks, (start, ""))
    last = len(marks) if stop is None else bisect_right(marks, (stop, "~"))
    if first >= last:
        return []
    left = marks[first][0] if start is None else start
    right = marks[last - 1][0] if stop is None else stop
    scale = width / (right - left) if right > left else 0.0
    seen: set[tuple[int, str]] = set()
    shown = []
    for x, value in marks[first:last]:
        pixel = (int((x - left) * scale), value)
        if pixel not in seen:
            seen.add(pixel)
            shown.append({"x": x, "value": value})
    return shown
