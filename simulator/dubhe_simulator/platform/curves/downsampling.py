"""A part of a curve, reduced to what a screen can show.

A pixel column shows at most the lowest and the highest of its points, so a spike never disappears.
`SortedPoints` keeps the points ascending by one axis while more arrive; `MinMaxTree` finds the
lowest and the highest of any stretch of a million numbers in microseconds; `select_points`
chooses what to draw.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import le
from typing import Any

BLOCK = 32

_Pick = Callable[["array[float]"], float]


class MinMaxTree:
    """Minimum and maximum over ``values``, which may grow at their end and hold no NaN.

    Level 0 is the values; each entry of a higher level is the minimum (or maximum) of `BLOCK`
    entries of the level below. A stretch is then a few whole blocks and two ragged ends.

    Args:
        values: shared, not copied; call `grow` after appending to them.
    """

    def __init__(self, values: array[float]) -> None:
        self._lows: list[array[float]] = [values]
        self._highs: list[array[float]] = [values]
        self.grow()

    def grow(self) -> None:
        """Take in what was appended since the last call."""
        for pick, levels in ((min, self._lows), (max, self._highs)):
            level = 0
            while level + 1 < len(levels) or len(levels[level]) >= BLOCK * BLOCK:
                if level + 1 == len(levels):
                    levels.append(array("d"))
                below, above = levels[level], levels[level + 1]
                for block in range(len(above), len(below) // BLOCK):
                    above.append(pick(below[block * BLOCK : (block + 1) * BLOCK]))
                level += 1

    def cut(self, start: int) -> None:
        """The values from ``start`` on have changed: forget what was made of them."""
        for levels in (self._lows, self._highs):
            kept = start
            for level in levels[1:]:
                kept //= BLOCK
                del level[kept:]

    def lowest(self, start: int, stop: int) -> int:
        """Return the index of a smallest value in ``start`` … ``stop - 1``, which is not empty."""
        return _find(self._lows, min, 0, start, stop)

    def highest(self, start: int, stop: int) -> int:
        """Return the index of a greatest value in ``start`` … ``stop - 1``, which is not empty."""
        return _find(self._highs, max, 0, start, stop)


class SortedPoints:
    """The columns x and y in the order of x; equal x stay in the order of arrival.

    Ranks interleave and trainings resume, so an axis may go back. As long as it does not, the
    columns are the ones in the order of arrival, not copies. After it has, copies are kept in
    order: what is new is merged from the first place on that it touches, as a rule near the end.

    Args:
        x: in the order of arrival; call `grow` after appending.
        y: the values that belong to them.
    """

    def __init__(self, x: array[Any], y: array[float]) -> None:
        self._source_x, self._source_y = x, y
        self.x, self.y = x, y
        self._taken = 0
        self._extrema: MinMaxTree | None = None

    @property
    def extrema(self) -> MinMaxTree:
        """Over y, which must hold no NaN."""
        if self._extrema is None:
            self._extrema = MinMaxTree(self.y)
        self._extrema.grow()
        return self._extrema

    def grow(self) -> None:
        """Take in what was appended since the last call."""
        taken, self._taken = self._taken, len(self._source_x)
        if self.x is self._source_x:
            fresh = self.x[max(0, taken - 1) :]
            if all(map(le, fresh, fresh[1:])):
                return
            self.x, self.y = self.x[:taken], self.y[:taken]
            self._extrema = None
        self._merge(self._source_x[taken:], self._source_y[taken:])

    def _merge(self, x: array[Any], y: array[float]) -> None:
        if not x:
            return
        start = bisect_right(self.x, min(x))
        tail_x, tail_y = self.x[start:] + x, self.y[start:] + y
        # The sort is stable, and quick for two ascending runs behind each other.
        order = sorted(range(len(tail_x)), key=tail_x.__getitem__)
        del self.x[start:], self.y[start:]
        self.x.extend(map(tail_x.__getitem__, order))
        self.y.extend(map(tail_y.__getitem__, order))
        if self._extrema is not None:
            self._extrema.cut(start)


@dataclass(frozen=True)
class CurveWindow:
    """What is shown of a curve.

    Attributes:
        indices: of the points to draw, ascending.
        total: how many points lie within the limits.
        reduced: whether some of them are left out.
    """

    indices: Sequence[int]
    total: int
    reduced: bool


def pixel_columns(
    x: array[int] | array[float], left: float, right: float, width: int
) -> Iterator[int]:
    """Yield where the columns of pixels begin, and where the last one ends: ``width + 1`` indices.

    Args:
        x: where the points are, ascending.
        left: the left limit, included.
        right: the right limit, included.
        width: pixels between the limits.
    """
    begin, last = bisect_left(x, left), bisect_right(x, right)
    yield begin
    for pixel in range(1, width):
        begin = bisect_left(x, left + (right - left) * pixel / width, begin, max(begin, last))
        yield begin
    yield max(begin, last)


def select_points(
    points: SortedPoints, start: float | None, stop: float | None, width: int
) -> CurveWindow:
    """Choose the points to draw.

    Args:
        points: the points, ascending by x.
        start: the left limit, included; None for the first point.
        stop: the right limit, included; None for the last point.
        width: pixels between the limits.
    """
    x = points.x
    if not x:
        return CurveWindow((), 0, False)
    left = x[0] if start is None else start
    right = x[-1] if stop is None else stop
    first, last = bisect_left(x, left), bisect_right(x, right)
    total = max(0, last - first)
    if total <= 2 * width:
        return CurveWindow(range(max(0, first - 1), min(len(x), last + 1)), total, False)
    extrema = points.extrema
    kept = [first - 1] if first else []
    kept.append(first)
    for begin, end in pairwise(pixel_columns(x, left, right, width)):
        if begin < end:
            low, high = extrema.lowest(begin, end), extrema.highest(begin, end)
            kept += [index for index in sorted((low, high)) if index > kept[-1]]
    kept += [index for index in (last - 1, last) if kept[-1] < index < len(x)]
    return CurveWindow(kept, total, True)


def _find(levels: list[array[float]], pick: _Pick, level: int, start: int, stop: int) -> int:
    values = levels[level]
    if level + 1 < len(levels) and stop - start > 2 * BLOCK:
        above = levels[level + 1]
        first, last = -(-start // BLOCK), min(stop // BLOCK, len(above))
        if first < last:
            block = _find(levels, pick, level + 1, first, last)
            best = above[block]
            at = values.index(best, block * BLOCK, (block + 1) * BLOCK)
            for begin, end in ((start, first * BLOCK), (last * BLOCK, stop)):
                if begin < end:
                    ragged = values[begin:end]
                    other = pick(ragged)
                    if other != best and pick(array("d", (other, best))) == other:
                        best, at = other, begin + ragged.index(other)
            return at
    part = values[start:stop]
    return start + part.index(pick(part))
