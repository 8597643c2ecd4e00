"""A part of a curve, reduced to what a screen can show.

A pixel column shows at most the lowest and the highest of its points, so a spike never disappears.
`SortedPoints` has the points ascending by one axis while more arrive; `MinMaxTree` finds the
lowest and the highest of any stretch of a million numbers in microseconds; `select_points`
chooses what to draw.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Union

from dubhe_simulator.platform.curves.points import BLOCK, Axis, PointSet, StoredColumn, left, right

Column = Union[StoredColumn, "array[Any]"]
_Pick = Callable[["array[float]"], float]


class MinMaxTree:
    """Minimum and maximum over ``values``, which may grow at their end and hold no NaN.

    Level 0 is the values; each entry of a higher level is the minimum (or maximum) of `BLOCK`
    entries of the level below. A stretch is then a few whole blocks and two ragged ends.

    Args:
        values: shared, not copied; call `grow` after appending to them.
        lows: level 1, if it is kept elsewhere; shared as well.
        highs: likewise.
    """

    def __init__(
        self,
        values: Column,
        lows: array[float] | None = None,
        highs: array[float] | None = None,
    ) -> None:
        self._lows: list[Column] = [values]
        self._highs: list[Column] = [values]
        if lows is not None and highs is not None:
            self._lows.append(lows)
            self._highs.append(highs)
        self.grow()

    def grow(self) -> None:
        """Take in what was appended since the last call."""
        for pick, levels in ((min, self._lows), (max, self._highs)):
            level = 0
            while level + 1 < len(levels) or len(levels[level]) >= BLOCK * BLOCK:
                if level + 1 == len(levels):
                    levels.append(array("d"))
                below, above = levels[level], levels[level + 1]
                assert isinstance(above, array)
                for block in range(len(above), len(below) // BLOCK):
                    above.append(pick(below[block * BLOCK : (block + 1) * BLOCK]))
                level += 1

    def cut(self, start: int) -> None:
        """The values from ``start`` on have changed: forget what was made of them."""
        for levels in (self._lows, self._highs):
            kept = start
            for level in levels[1:]:
                assert isinstance(level, array)
                kept //= BLOCK
                del level[kept:]

    def lowest(self, start: int, stop: int) -> int:
        """Return the index of a smallest value in ``start`` … ``stop - 1``, which is not empty."""
        return _find(self._lows, min, start, stop)

    def highest(self, start: int, stop: int) -> int:
        """Return the index of a greatest value in ``start`` … ``stop - 1``, which is not empty."""
        return _find(self._highs, max, start, stop)


class SortedPoints:
    """The columns x and y in the order of x; equal x stay in the order of arrival.

    Ranks interleave and trainings resume, so an axis may go back. As long as it does not, the
    columns are the ones in the order of arrival, most of which is in the database. After it has,
    copies are kept in memory, in order: what is new is merged from the first place on that it
    touches, as a rule near the end.

    Args:
        points: in the order of arrival; call `grow` after appending.
        axis: what x is.
    """

    def __init__(self, points: PointSet, axis: Axis) -> None:
        self._points = points
        self._axis = axis
        self._source: StoredColumn = points.columns[axis]
        self.x: Column = self._source
        self.y: Column = points.columns["value"]
        self._taken = 0
        self._extrema: MinMaxTree | None = None

    @property
    def extrema(self) -> MinMaxTree:
        """Over y, which must hold no NaN."""
        if isinstance(self.y, StoredColumn):
            overview = self._points.overview()
            if self._extrema is None:
                self._extrema = MinMaxTree(self.y, overview["low"], overview["high"])
        elif self._extrema is None:
            self._extrema = MinMaxTree(self.y)
        self._extrema.grow()
        return self._extrema

    @property
    def copied(self) -> int:
        """How many points are held in memory."""
        return 0 if self.x is self._source else len(self.x)

    def grow(self) -> None:
        """Take in what was appended since the last call."""
        if self._axis not in self._points.descends:
            return
        if self.x is self._source:
            self.x, self.y = array(self._source.code), array("d")
            self._extrema = None
        taken, self._taken = self._taken, len(self._points)
        self._merge(self._source[taken:], self._points.columns["value"][taken:])

    def _merge(self, more_x: array[Any], more_y: array[float]) -> None:
        x, y = self.x, self.y
        assert isinstance(x, array) and isinstance(y, array)
        if not more_x:
            return
        start = bisect_right(x, min(more_x))
        tail_x, tail_y = x[start:] + more_x, y[start:] + more_y
        # The sort is stable, and quick for two ascending runs behind each other.
        order = sorted(range(len(tail_x)), key=tail_x.__getitem__)
        del x[start:], y[start:]
        x.extend(map(tail_x.__getitem__, order))
        y.extend(map(tail_y.__getitem__, order))
        if self._extrema is not None:
            self._extrema.cut(start)


@dataclass
class CurveWindow:
    """What is shown of a curve.

    Attributes:
        total: how many points lie within the limits.
        reduced: whether some of them are left out.
        x: of the points to draw, ascending.
        y: their values.
    """

    total: int
    reduced: bool
    x: list[Any] = field(default_factory=list)
    y: list[float] = field(default_factory=list)


def pixel_columns(x: Column, start: float, stop: float, width: int) -> Iterator[int]:
    """Yield where the columns of pixels begin, and where the last one ends: ``width + 1`` indices.

    Args:
        x: where the points are, ascending.
        start: the left limit, included.
        stop: the right limit, included.
        width: pixels between the limits.
    """
    begin, last = left(x, start), right(x, stop)
    yield begin
    for pixel in range(1, width):
        place = left(x, start + (stop - start) * pixel / width)
        begin = max(begin, min(place, last))
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
    x, y = points.x, points.y
    if not len(x):
        return CurveWindow(0, reduced=False)
    begin_x = x[0] if start is None else start
    end_x = x[-1] if stop is None else stop
    first, last = left(x, begin_x), right(x, end_x)
    total = max(0, last - first)
    if total <= 2 * width:
        shown = slice(max(0, first - 1), last + 1)
        return CurveWindow(total, False, x[shown].tolist(), y[shown].tolist())
    extrema = points.extrema
    found = CurveWindow(total, reduced=True)
    latest = -1

    def keep(index: int) -> None:
        nonlocal latest
        if latest < index < len(x):
            latest = index
            found.x.append(x[index])
            found.y.append(y[index])

    keep(first - 1)
    keep(first)
    # What is kept is read at once: its chunk is at hand.
    for begin, end in pairwise(pixel_columns(x, begin_x, end_x, width)):
        if begin < end:
            low, high = extrema.lowest(begin, end), extrema.highest(begin, end)
            keep(min(low, high))
            keep(max(low, high))
    keep(last - 1)
    keep(last)
    return found


def _find(levels: list[Column], pick: _Pick, start: int, stop: int, level: int = 0) -> int:
    values = levels[level]
    if level + 1 < len(levels) and stop - start > 2 * BLOCK:
        above = levels[level + 1]
        first, last = -(-start // BLOCK), min(stop // BLOCK, len(above))
        if first < last:
            block = _find(levels, pick, first, last, level + 1)
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
