"""`Backoff`: how long to wait before a child that died is started again."""

from __future__ import annotations

import time

_SECONDS = (0.2, 0.5, 1, 2, 5, 10, 30)
_STABLE_SECONDS = 60.0  # a child that lived so long starts again without backoff


class Backoff:
    """Counts the deaths of one child."""

    def __init__(self) -> None:
        self._started = 0.0
        self.restarts = 0

    def started(self) -> None:
        """Note that the child has been started."""
        self._started = time.monotonic()

    def next_seconds(self) -> float:
        """Return what to wait now that it has died, in seconds."""
        if time.monotonic() - self._started > _STABLE_SECONDS:
            self.restarts = 0
        seconds = _SECONDS[min(self.restarts, len(_SECONDS) - 1)]
        self.restarts += 1
        return seconds
