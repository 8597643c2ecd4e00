"""`CountedLog`: a line in the log now and then, for what clients can cause at will."""

from __future__ import annotations

import logging
import time

_INTERVAL_SECONDS = 60.0


class CountedLog:
    """Counts events and writes a warning at most once a minute.

    Args:
        log: where to.
        what: begins the line; the count and the last event follow.
    """

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._unlogged = 0
        self._logged_at = float("-inf")

    def add(self, last: str) -> None:
        """Count an event.

        Args:
            last: describes it, for the line.
        """
        self._unlogged += 1
        now = time.monotonic()
        if now - self._logged_at >= _INTERVAL_SECONDS:
            self._log.warning("%s: %d, the last %s", self._what, self._unlogged, last)
            self._unlogged = 0
            self._logged_at = now
