"""Percentiles and a table for the benchmarks."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` (0 … 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print a titled list of name and value."""
    width = max(len(name) for name, _ in rows)
    sys.stdout.write(f"\n{title}\n")
    for name, value in rows:
        sys.stdout.write(f"  {name:<{width}}  {value}\n")
    sys.stdout.flush()
