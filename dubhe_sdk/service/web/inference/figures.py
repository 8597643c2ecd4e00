"""`InferenceFigures`: what the web front counts of inferences, for the sidecar's metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

WAIT_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Histogram:
    """Counts values by size.

    Args:
        bounds: upper ends of the counted ranges, ascending; what is larger is in the last one.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def to_json(self) -> dict[str, Any]:
        """Return it: bounds, how many values are in each range, and the values' sum."""
        return {"bounds": list(self._bounds), "counts": list(self._counts), "sum": self._sum}


class InferenceFigures:
    """Counts since the web front's process began."""

    def __init__(self) -> None:
        self.begun_at_once = 0
        """Those that did not wait."""
        self.refused = 0
        """Those that were refused because as many as allowed waited, or for too long."""
        self.abandoned = 0
        """Those that were not run because their client had gone while they waited."""
        self.waits = Histogram(WAIT_SECONDS)
        """Seconds for which the others waited."""
        self.batches = Histogram(BATCH_SIZES)
        """Requests in each call of a method that takes batches."""

    def to_json(self, waiting: int) -> dict[str, Any]:
        """Return them, with how many wait now."""
        return {
            "begun_at_once": self.begun_at_once,
            "refused": self.refused,
            "abandoned": self.abandoned,
            "waiting": waiting,
            "waits": self.waits.to_json(),
            "batches": self.batches.to_json(),
        }
