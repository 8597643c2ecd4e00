"""`RestartBackoff`: how long to wait before a child that died is started again."""

from __future__ import annotations

import time
from collections.abc import Sequence


class RestartBackoff:
    """Counts the deaths of one child.

    Args:
        delays: seconds before each restart in turn; the last one is repeated.
        stable_seconds: a child that lived longer than this starts again with the first delay.
    """

    def __init__(self, delays: Sequence[float], stable_seconds: float) -> None:
        self._delays = delays
        self._stable_seconds = stable_seconds
        self._started = 0.0
        self.restarts = 0

    def started(self) -> None:
        """Note that the child has been started."""
        self._started = time.monotonic()

    def next_seconds(self) -> float:
        """Return the delay before the next start, now that the child has died."""
        if time.monotonic() - self._started > self._stable_seconds:
            self.restarts = 0
        seconds = self._delays[min(self.restarts, len(self._delays) - 1)]
        self.restarts += 1
        return seconds
