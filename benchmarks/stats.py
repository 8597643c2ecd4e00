"""What is told of many values."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

# Two-sided 95 % quantiles of Student's t for 1, 2, … degrees of freedom; 1.96 beyond them.
_T_95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13)
_T_95_MORE = {20: 2.13, 30: 2.09, 40: 2.04, 60: 2.02, 120: 2.00}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` (0 … 1) of the values lie.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values, expected at least one: nothing was measured")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def quantiles(values: Sequence[float], count: int = 1000) -> list[float]:
    """Return at most ``count`` values that are spread as the given ones; for sending elsewhere."""
    ordered = sorted(values)
    if len(ordered) <= count:
        return ordered
    step = (len(ordered) - 1) / (count - 1)
    return [ordered[round(index * step)] for index in range(count)]


def median(values: Sequence[float]) -> float:
    """Return the median; NaN if there are no values."""
    return statistics.median(values) if values else math.nan


def spread(values: Sequence[float]) -> float:
    """Return how far the tenth and the ninetieth percentile lie apart, as a share of the median."""
    return (percentile(values, 0.9) - percentile(values, 0.1)) / median(values)


def mean_with_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the half width of its 95 % confidence interval (Student's t).

    Raises:
        ValueError: fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} value(s), expected at least two for an interval")
    error = statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values), error * _t_95(len(values) - 1)


def _t_95(freedom: int) -> float:
    """Return the quantile, rounded up: of the next smaller number of degrees in the table."""
    if freedom <= len(_T_95):
        return _T_95[freedom - 1]
    return next((t for limit, t in _T_95_MORE.items() if freedom < limit), 1.98)
