"""A part of a curve, reduced to what a screen can show.

A pixel shows at most the lowest and the highest of its points, so a spike never disappears.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dubhe_simulator.platform.curves.order import Order


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


def columns(x: array[int] | array[float], left: float, right: float, width: int) -> Iterator[int]:
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


def look(order: Order, start: float | None, stop: float | None, width: int) -> Window:
    """Choose the points to draw.

    Args:
        order: the points.
        start: the left limit, included; None for the first point.
        stop: the right limit, included; None for the last point.
        width: pixels between the limits.
    """
    x = order.x
    if not x:
        return Window((), 0, False)
    left = x[0] if start is None else start
    right = x[-1] if stop is None else stop
    first, last = bisect_left(x, left), bisect_right(x, right)
    total = max(0, last - first)
    if total <= 2 * width:
        return Window(range(max(0, first - 1), min(len(x), last + 1)), total, False)
    pyramid = order.pyramid
    kept = [first - 1] if first else []
    kept.append(first)
    for begin, end in pairwise(columns(x, left, right, width)):
        if begin < end:
            low, high = pyramid.lowest(begin, end), pyramid.highest(begin, end)
            kept += [index for index in sorted((low, high)) if index > kept[-1]]
    kept += [index for index in (last - 1, last) if kept[-1] < index < len(x)]
    return Window(kept, total, True)
