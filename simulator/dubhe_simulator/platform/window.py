"""A part of a curve, reduced to what a screen can show.

A pixel shows at most the lowest and the highest of its points, so a spike never disappears.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from dubhe_simulator.platform.pyramid import Pyramid


@dataclass(frozen=True)
class Window:
    """What is shown of a curve.

    Attributes:
        indices: of the points to draw, ascending.
        total: how many points lie within the limits.
        reduced: whether some of them are left out.
    """

    indices: Sequence[int]
    total: int
    reduced: bool


def look(
    x: array[int] | array[float],
    pyramid: Pyramid,
    start: float | None,
    stop: float | None,
    width: int,
) -> Window:
    """Choose the points to draw.

    Args:
        x: where the points are, ascending.
        pyramid: over their values.
        start: the left limit, included; None for the first point.
        stop: the right limit, included; None for the last point.
        width: pixels between the limits.
    """
    if not x:
        return Window((), 0, False)
    left = x[0] if start is None else start
    right = x[-1] if stop is None else stop
    first, last = bisect_left(x, left), bisect_right(x, right)
    total = max(0, last - first)
    if total <= 2 * width:
        return Window(range(max(0, first - 1), min(len(x), last + 1)), total, False)
    kept = [first - 1] if first else []
    kept.append(first)
    begin = first
    for pixel in range(1, width + 1):
        edge = left + (right - left) * pixel / width
        end = last if pixel == width else bisect_left(x, edge, begin, last)
        if end > begin:
            low, high = pyramid.lowest(begin, end), pyramid.highest(begin, end)
            for index in (low, high) if low < high else (high, low):
                if index > kept[-1]:
                    kept.append(index)
            begin = end
    kept += [index for index in (last - 1, last) if kept[-1] < index < len(x)]
    return Window(kept, total, True)
