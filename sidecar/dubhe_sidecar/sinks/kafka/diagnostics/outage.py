"""Telling about an outage: one line per change of reason, one a minute otherwise."""

from __future__ import annotations

import logging
import random
import time

logger = logging.getLogger("dubhe_sidecar")

REPEAT_S = 60.0


class Trouble:
    """The outage that is going on, if any."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._reason: str | None = None
        self._since = 0.0
        self._wall = ""
        self._told = 0.0
        self.retries = 0

    @property
    def text(self) -> str | None:
        """Which sink, what, since when; None while all is well."""
        if self._reason is None:
            return None
        seconds = time.monotonic() - self._since
        return f"{self.name}: {self._reason} (since {self._wall}, for {seconds:.0f} s)"

    def note(self, reason: str) -> None:
        """Take notice of a reason why nothing is delivered."""
        now = time.monotonic()
        if self._reason is None:
            self._since = now
            self._wall = time.strftime("%Y-%m-%d %H:%M:%S")
        changed = reason != self._reason
        self._reason = reason
        if changed or now - self._told >= REPEAT_S:
            self._told = now
            logger.warning("not delivering, waiting. %s. Attempts: %d", self.text, self.retries)

    def over(self) -> None:
        """Take notice that records are delivered again."""
        if self._reason is not None:
            seconds = time.monotonic() - self._since
            logger.info("%s: delivering again after %.0f s", self.name, seconds)
            self._reason = None


class Backoff:
    """Growing pauses with jitter, so that many sidecars do not come back in step."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first = first_s
        self._longest = longest_s
        self._next = first_s

    def pause(self) -> float:
        """Return the seconds to wait now: never less than the first, up to the longest."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return min(pause * random.uniform(1.0, 1.25), self._longest)

    def reset(self) -> None:
        """Begin anew."""
        self._next = self._first
