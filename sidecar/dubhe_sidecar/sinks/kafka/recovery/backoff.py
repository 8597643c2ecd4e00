"""Pauses between attempts to reach the cluster."""

from __future__ import annotations

import random


class ReconnectBackoff:
    """Growing pauses with jitter, so that many sidecars do not reconnect at the same time.

    Args:
        first_s: the first pause, in seconds.
        longest_s: the longest.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first = first_s
        self._longest = longest_s
        self._next = first_s

    def next_pause(self) -> float:
        """Return the seconds to wait now: never less than the first, up to the longest."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return min(pause * random.uniform(1.0, 1.25), self._longest)

    def reset(self) -> None:
        """Start again with the first pause."""
        self._next = self._first
