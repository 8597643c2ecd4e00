"""Curves against a model that looks at every point."""

from __future__ import annotations

import math
import random
import time
from array import array
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_simulator.platform.curves.downsampling import BLOCK, MinMaxTree
from dubhe_simulator.platform.curves.series import AXES, Axis, Series

VALUES = st.floats(width=32, allow_nan=True, allow_infinity=True)
POINT = st.tuples(st.floats(0, 50, width=16), st.integers(0, 200), VALUES)


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
    st.lists(POINT, max_size=300),
    st.sampled_from(AXES),
    st.none() | st.floats(-10, 210),
    st.none() | st.floats(-10, 210),
    st.integers(1, 20),
    st.integers(0, 300),
)
@settings(deadline=None, max_examples=300)
def test_a_window_is_what_a_model_that_looks_at_every_point_shows(
    points: list[tuple[float, int, float]],
    axis: str,
    start: float | None,
    stop: float | None,
    width: int,
    cut: int,
) -> None:
    series = Series()
    first, rest = points[:cut], points[cut:]
    columns = list(zip(*first, strict=True)) or [(), (), ()]
    series.extend(0, array("d", columns[0]), array("q", columns[1]), array("d", columns[2]))
    series.window(cast(Axis, axis), None, None, width)  # what is made on demand has to grow
    for n, point in enumerate(rest):
        series.append(len(first) + n, *point)
        if n % 7 == 3:
            series.window(cast(Axis, axis), None, None, width)
    shown = series.window(cast(Axis, axis), start, stop, width)

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
            seen = [y for x, y in drawn if a <= x <= b]
            assert min(seen) == min(y for _, y in column)
            assert max(seen) == max(y for _, y in column)
    assert max(y for _, y in drawn) >= max(y for _, y in inside)
    assert min(y for _, y in drawn) <= min(y for _, y in inside)


@given(st.lists(POINT, max_size=60), st.sampled_from(AXES))
def test_every_kind_of_mark_is_shown(points: list[tuple[float, int, float]], axis: str) -> None:
    series = Series()
    for n, point in enumerate(points):
        series.append(n, *point)
    shown = series.window(cast(Axis, axis), None, None, 10_000)
    wanted = [p[2] for p in points if not math.isfinite(p[2])]
    names = {"NaN": math.isnan, "Infinity": (math.inf).__eq__, "-Infinity": (-math.inf).__eq__}
    for name, check in names.items():
        found = [m for m in shown["marks"] if m["value"] == name]
        assert bool(found) == any(check(value) for value in wanted)


def test_a_curve_of_nothing_but_nan_shows_a_mark_per_pixel() -> None:
    series = Series()
    for n in range(5000):
        series.append(n, n / 10, n, math.nan if n % 2 else math.inf)
    for axis in AXES:
        marks = series.window(cast(Axis, axis), None, None, 100)["marks"]
        assert len(marks) == 200
        assert [m["x"] for m in marks] == sorted(m["x"] for m in marks)


def noisy(count: int) -> Series:
    chooser = random.Random(1)
    series = Series()
    noise = array("d", (chooser.random() for _ in range(count)))
    noise[count // 3] = 1000.0
    epochs = array("d", (n / 1000 for n in range(count)))
    series.extend(0, epochs, array("q", range(count)), noise)
    return series


@pytest.fixture(scope="module")
def million() -> Series:
    return noisy(1_000_000)


@pytest.fixture(scope="module")
def twenty_thousand() -> Series:
    return noisy(20_000)


def seconds_of_a_window(series: Series, axis: Axis) -> float:
    """Return the processor time of the best of some, in which other work does not count."""
    series.window(axis, None, None, 1000)  # makes the pyramid
    best = math.inf
    for _ in range(5):
        begun = time.thread_time()
        series.window(axis, None, None, 1000)
        best = min(best, time.thread_time() - begun)
    return best


@pytest.mark.parametrize("axis", AXES)
def test_fifty_times_the_points_take_a_few_times_as_long(
    million: Series, twenty_thousand: Series, axis: Axis
) -> None:
    few = seconds_of_a_window(twenty_thousand, axis)
    assert seconds_of_a_window(million, axis) < 10 * few
    shown = million.window(axis, None, None, 1000)
    assert shown["reduced"] and len(shown["x"]) <= 2002
    assert max(shown["y"]) == 1000.0, "the spike"


def test_ranks_that_interleave_cost_little_as_they_grow() -> None:
    """Eight ranks tell each epoch a little out of turn: only the end is put in order again."""
    series = Series()
    chooser = random.Random(2)
    count = 300_000
    epochs = array("d", (n // 8 / 100 + chooser.random() / 50 for n in range(count)))
    values = array("d", (chooser.random() for _ in range(count)))
    begun = time.thread_time()
    series.extend(0, epochs[:-800], array("q", range(count - 800)), values[:-800])
    series.window("epoch", None, None, 1000)
    whole = time.thread_time() - begun
    best = whole
    for n in range(count - 800, count, 80):
        series.extend(n, epochs[n : n + 80], array("q", range(n, n + 80)), values[n : n + 80])
        begun = time.thread_time()
        series.window("epoch", None, None, 1000)
        best = min(best, time.thread_time() - begun)
    assert best < whole / 5
    points = series.finite.by("epoch")
    assert list(points.x) == sorted(epochs)
    assert dict(zip(points.x, points.y, strict=True)) == dict(zip(epochs, values, strict=True))
