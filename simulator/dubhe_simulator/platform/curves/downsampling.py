"""The lowest and the highest of any stretch of a million numbers, in microseconds.

Level 0 is the numbers; each entry of a higher level is the minimum (or maximum) of `BLOCK`
entries of the level below. A stretch is then a few whole blocks and two ragged ends.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

BLOCK = 32

_Pick = Callable[["array[float]"], float]


class Pyramid:
    """Over ``values``, which may grow at their end and must all be finite or infinite, not NaN.

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
