"""Percentiles, quantiles and intervals."""

from __future__ import annotations

import math
import random

import pytest

from benchmarks.stats import mean_with_interval, median, percentile, quantiles, spread
from benchmarks.training.section import trimmed_mean_with_interval


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99)) == (51, 100)
    assert percentile(values, 1.0) == 100
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_quantiles_stand_for_all_values() -> None:
    values = [random.expovariate(1) for _ in range(50_000)]
    few = quantiles(values)
    assert len(few) == 1000
    for share in (0.1, 0.5, 0.9, 0.99):
        assert percentile(few, share) == pytest.approx(percentile(values, share), rel=0.05)
    assert quantiles([3, 1, 2]) == [1, 2, 3]


def test_the_median_of_nothing_is_no_number() -> None:
    assert math.isnan(median([]))
    assert spread([1.0] * 20) == 0


def test_an_interval_holds_the_mean_as_often_as_it_says() -> None:
    lot = random.Random(1)
    held = 0
    for _ in range(400):
        mean, half = mean_with_interval([lot.gauss(7, 2) for _ in range(12)])
        held += abs(mean - 7) <= half
    assert 0.91 <= held / 400 <= 0.99
    with pytest.raises(ValueError, match="at least two"):
        mean_with_interval([1.0])


def test_a_trimmed_mean_does_not_follow_outliers() -> None:
    lot = random.Random(2)
    values = [lot.gauss(0.1, 1) for _ in range(500)] + [90.0] * 20 + [-40.0] * 3
    mean, half = trimmed_mean_with_interval(values, 0.1)
    assert abs(mean - 0.1) < half < 0.5
