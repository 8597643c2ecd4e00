"""Reporting an outage: one log line when the reason changes, otherwise one a minute."""

from __future__ import annotations

import logging
import time

from dubhe_sidecar.sinks.base import OutageReason

logger = logging.getLogger("dubhe_sidecar")

LOG_AGAIN_S = 60.0


class OutageTracker:
    """The current outage, if any.

    Args:
        name: the sink's name, which begins each text.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._reason: OutageReason | None = None
        self._since = 0.0
        self._since_wall_clock = ""
        self._logged_at = 0.0
        self.retries = 0

    @property
    def current(self) -> OutageReason | None:
        """Its code, and as text the sink, the reason and since when; None while all is well."""
        reason = self._reason
        if reason is None:
            return None
        seconds = time.monotonic() - self._since
        since = f"since {self._since_wall_clock}, for {seconds:.0f} s"
        return OutageReason(reason.code, f"{self.name}: {reason.text} ({since})")

    def report(self, reason: OutageReason) -> None:
        """Record why nothing is delivered, and log it unless it was logged a moment ago."""
        now = time.monotonic()
        if self._reason is None:
            self._since = now
            self._since_wall_clock = time.strftime("%Y-%m-%d %H:%M:%S")
        changed = reason != self._reason
        self._reason = reason
        if changed or now - self._logged_at >= LOG_AGAIN_S:
            self._logged_at = now
            current = self.current
            assert current is not None
            logger.warning("not delivering, waiting. %s. Attempts: %d", current.text, self.retries)

    def end(self) -> None:
        """Record that records are delivered again."""
        if self._reason is not None:
            seconds = time.monotonic() - self._since
            logger.info("%s: delivering again after %.0f s", self.name, seconds)
            self._reason = None
