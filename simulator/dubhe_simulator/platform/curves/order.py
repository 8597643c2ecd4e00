"""Points by one of their axes, ascending, while more of them arrive.

Ranks interleave and trainings resume, so an axis may go back. As long as it does not, the columns
are the ones in the order of arrival, not copies. After it has, copies are kept in order: what is
new is merged from the first place on that it touches, which is near the end as a rule.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from operator import le
from typing import Any

from dubhe_simulator.platform.curves.downsampling import Pyramid


class Order:
    """The columns x and y in the order of x; equal x stay in the order of arrival.

    Args:
        x: in the order of arrival; call `grow` after appending.
        y: the values that belong to them.
    """

    def __init__(self, x: array[Any], y: array[float]) -> None:
        self._source_x, self._source_y = x, y
        self.x, self.y = x, y
        self._taken = 0
        self._pyramid: Pyramid | None = None

    @property
    def pyramid(self) -> Pyramid:
        """Over y, which must hold no NaN."""
        if self._pyramid is None:
            self._pyramid = Pyramid(self.y)
        self._pyramid.grow()
        return self._pyramid

    def grow(self) -> None:
        """Take in what was appended since the last call."""
        taken, self._taken = self._taken, len(self._source_x)
        if self.x is self._source_x:
            fresh = self.x[max(0, taken - 1) :]
            if all(map(le, fresh, fresh[1:])):
                return
            self.x, self.y = self.x[:taken], self.y[:taken]
            self._pyramid = None
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
        if self._pyramid is not None:
            self._pyramid.cut(start)
