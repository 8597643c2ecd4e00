"""Curves against a model that looks at every point."""

from __future__ import annotations

import math
import random
import time
import tracemalloc
from array import array
from collections.abc import Iterable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_simulator.platform.curves.curve import Curve
from dubhe_simulator.platform.curves.downsampling import MinMaxTree
from dubhe_simulator.platform.curves.points import AXES, BLOCK, CHUNK_BYTES, Axis

VALUES = st.floats(width=32, allow_nan=True, allow_infinity=True)
POINT = st.tuples(st.floats(0, 50, width=16), st.integers(0, 200), VALUES)


class Shelf:
    """Holds what a curve stores, as the database does."""

    def __init__(self) -> None:
        self.curve = Curve(1, 1, "loss", lambda kind: _Kind(self, kind))
        self.chunks: dict[tuple[str, int], bytes] = {}
        self.blocks: dict[tuple[str, int], bytes] = {}
        self.read = 0
        """How many chunks were asked for."""

    def save(self) -> None:
        counts = {}
        for kind, points in self.curve.sets.items():
            counts[kind] = len(points)
            for number, blob, overview in points.rows():
                self.chunks[kind, number] = blob
                if overview is not None:
                    self.blocks[kind, number] = overview
        self.curve.confirm(counts)

    def extend(
        self, epochs: Iterable[float], times: Iterable[int], values: Iterable[float]
    ) -> None:
        for point in zip(epochs, times, values, strict=True):
            self.curve.append(*point)
        self.save()


class _Kind:
    def __init__(self, shelf: Shelf, kind: str) -> None:
        self._shelf = shelf
        self._kind = kind

    def points(self, number: int) -> bytes:
        blob = self.read(number)
        assert len(blob) == CHUNK_BYTES
        return blob

    def read(self, number: int) -> bytes:
        self._shelf.read += 1
        return self._shelf.chunks[self._kind, number]

    def overviews(self, count: int) -> list[bytes]:
        return [self._shelf.blocks[self._kind, number] for number in range(count)]


@st.composite
def long_values(draw: st.DrawFn) -> list[float]:
    size = draw(st.integers(1, 3 * BLOCK * BLOCK))
    seed = draw(st.integers(0, 2**32))
    chooser = random.Random(seed)
    return [chooser.choice((0.0, -1.0, chooser.gauss(0, 10))) for _ in range(size)]


@given(long_values(), st.data())
@settings(deadline=None, max_examples=50)
def test_a_pyramid_finds_the_extremes_of_any_stretch(values: list[float], data: Any) -> None:
    numbers = array("d", values[: len(values) // 2])
    pyramid = MinMaxTree(numbers)
    numbers.extend(values[len(values) // 2 :])
    pyramid.grow()
    for _ in range(20):
        start = data.draw(st.integers(0, len(values) - 1))
        stop = data.draw(st.integers(start + 1, len(values)))
        low, high = pyramid.lowest(start, stop), pyramid.highest(start, stop)
        assert start <= low < stop and start <= high < stop
        assert numbers[low] == min(values[start:stop])
        assert numbers[high] == max(values[start:stop])


def model(points: list[tuple[float, int, float]], axis: str) -> list[tuple[float, float]]:
    """All points by the axis, NaN and infinity among them."""
    at = {"epoch": 0, "time": 1}
    numbered = enumerate(points)
    return sorted(
        ((float(n) if axis == "step" else p[at[axis]], p[2]) for n, p in numbered),
        key=lambda point: point[0],
    )


@given(
    st.lists(POINT, max_size=300).map(lambda points: points * 5),
    st.sampled_from(AXES),
    st.none() | st.floats(-10, 210),
    st.none() | st.floats(-10, 210),
    st.integers(1, 20),
    st.integers(0, 300),
    st.integers(1, 1000),
)
@settings(deadline=None, max_examples=300)
def test_a_window_is_what_a_model_that_looks_at_every_point_shows(
    points: list[tuple[float, int, float]],
    axis: str,
    start: float | None,
    stop: float | None,
    width: int,
    cut: int,
    save: int,
) -> None:
    shelf = Shelf()
    curve = shelf.curve
    for n, point in enumerate(points):
        curve.append(*point)
        if n == cut or (n > cut and n % 7 == 3):
            # What is made on demand has to grow.
            curve.window(cast(Axis, axis), None, None, width)
        if n % save == 0:
            shelf.save()
    shown = curve.window(cast(Axis, axis), start, stop, width)

    everything = model(points, axis)
    finite = [p for p in everything if math.isfinite(p[1])]
    left = start if start is not None else (finite[0][0] if finite else 0)
    right = stop if stop is not None else (finite[-1][0] if finite else 0)
    inside = [p for p in finite if left <= p[0] <= right]
    drawn = list(zip(shown["x"], shown["y"], strict=True))

    assert shown["total"] == len(inside)
    assert sorted(shown["x"]) == shown["x"]
    assert set(drawn) <= set(finite)
    if everything:
        assert shown["extent"] == [everything[0][0], everything[-1][0]]
    if not shown["reduced"]:
        assert set(inside) <= set(drawn)
        return
    assert len(drawn) <= 2 * width + 4
    assert drawn[0][0] <= inside[0][0] and drawn[-1][0] >= inside[-1][0]
    step = (right - left) / width
    for pixel in range(width):
        a, b = left + step * pixel, left + step * (pixel + 1)
        last = pixel == width - 1
        column = [p for p in inside if a <= p[0] and (p[0] < b or last)]
        if step > 0 and column and all(abs(p[0] - e) > 1e-9 for p in column for e in (a, b)):
            seen = [y for x, y in drawn if a <= x and (x <= right if last else x < b)]
            assert min(seen) == min(y for _, y in column)
            assert max(seen) == max(y for _, y in column)
    assert max(y for _, y in drawn) >= max(y for _, y in inside)
    assert min(y for _, y in drawn) <= min(y for _, y in inside)


@given(st.lists(POINT, max_size=60), st.sampled_from(AXES))
def test_every_kind_of_mark_is_shown(points: list[tuple[float, int, float]], axis: str) -> None:
    curve = Shelf().curve
    for point in points:
        curve.append(*point)
    shown = curve.window(cast(Axis, axis), None, None, 10_000)
    wanted = [p[2] for p in points if not math.isfinite(p[2])]
    names = {"NaN": math.isnan, "Infinity": (math.inf).__eq__, "-Infinity": (-math.inf).__eq__}
    for name, check in names.items():
        found = [m for m in shown["marks"] if m["value"] == name]
        assert bool(found) == any(check(value) for value in wanted)


def test_a_curve_of_nothing_but_nan_shows_a_mark_per_pixel() -> None:
    shelf = Shelf()
    for n in range(5000):
        shelf.curve.append(n / 10, n, math.nan if n % 2 else math.inf)
    shelf.save()
    for axis in AXES:
        marks = shelf.curve.window(cast(Axis, axis), None, None, 100)["marks"]
        assert len(marks) == 200
        assert [m["x"] for m in marks] == sorted(m["x"] for m in marks)


@given(st.lists(POINT, max_size=2000), st.integers(1, 700))
@settings(deadline=None, max_examples=30)
def test_every_point_is_given_out_in_the_order_of_arrival(
    points: list[tuple[float, int, float]], save: int
) -> None:
    shelf = Shelf()
    for n, point in enumerate(points):
        shelf.curve.append(*point)
        if n % save == 0:
            shelf.save()
    every = shelf.curve.every()
    shelf.curve.append(0.0, 0, 0.0)  # what comes later is not among them
    shelf.save()
    assert list(map(repr, every)) == [repr((n, *point)) for n, point in enumerate(points)]


def noisy(count: int) -> Shelf:
    chooser = random.Random(1)
    shelf = Shelf()
    noise = [chooser.random() for _ in range(count)]
    noise[count // 3] = 1000.0
    shelf.extend((n / 1000 for n in range(count)), range(count), noise)
    return shelf


@pytest.fixture(scope="module")
def million() -> Shelf:
    return noisy(1_000_000)


@pytest.fixture(scope="module")
def twenty_thousand() -> Shelf:
    return noisy(20_000)


def seconds_of_a_window(shelf: Shelf, axis: Axis) -> float:
    """Return the processor time of the best of some, in which other work does not count."""
    shelf.curve.window(axis, None, None, 1000)  # makes the overview
    best = math.inf
    for _ in range(5):
        begun = time.thread_time()
        shelf.curve.window(axis, None, None, 1000)
        best = min(best, time.thread_time() - begun)
    return best


@pytest.mark.parametrize("axis", AXES)
def test_fifty_times_the_points_take_a_few_times_as_long(
    million: Shelf, twenty_thousand: Shelf, axis: Axis
) -> None:
    few = seconds_of_a_window(twenty_thousand, axis)
    assert seconds_of_a_window(million, axis) < 10 * few
    shown = million.curve.window(axis, None, None, 1000)
    assert shown["reduced"] and len(shown["x"]) <= 2002
    assert max(shown["y"]) == 1000.0, "the spike"


@pytest.mark.parametrize("axis", AXES)
def test_a_part_of_a_curve_needs_only_the_chunks_of_that_part(million: Shelf, axis: Axis) -> None:
    curve = million.curve
    [left, right] = curve.window(axis, None, None, 1000)["extent"]
    million.read = 0
    curve.window(axis, left + (right - left) * 0.5, left + (right - left) * 0.5005, 1000)
    assert 0 < million.read < 20


def test_what_a_look_leaves_in_memory_is_a_small_part_of_the_points(million: Shelf) -> None:
    curve = million.curve
    curve.forget()
    tracemalloc.start()
    try:
        for axis in AXES:
            curve.window(axis, None, None, 1000)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < CHUNK_BYTES * len(million.chunks) / 15


def test_ranks_that_interleave_cost_little_as_they_grow() -> None:
    """Eight ranks tell each epoch a little out of turn: only the end is put in order again."""
    shelf = Shelf()
    curve = shelf.curve
    chooser = random.Random(2)
    count = 300_000
    epochs = [n // 8 / 100 + chooser.random() / 50 for n in range(count)]
    values = [chooser.random() for _ in range(count)]
    shelf.extend(epochs[:-800], range(count - 800), values[:-800])
    begun = time.thread_time()
    curve.window("epoch", None, None, 1000)
    whole = time.thread_time() - begun
    best = whole
    for n in range(count - 800, count, 80):
        shelf.extend(epochs[n : n + 80], range(n, n + 80), values[n : n + 80])
        begun = time.thread_time()
        curve.window("epoch", None, None, 1000)
        best = min(best, time.thread_time() - begun)
    assert best < whole / 5
    shown = curve.window("epoch", None, None, count)
    assert not shown["reduced"]
    assert shown["x"] == sorted(epochs)
    assert dict(zip(shown["x"], shown["y"], strict=True)) == dict(zip(epochs, values, strict=True))
