"""Reporting an outage: one log line when the reason changes, otherwise one a minute."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator

from dubhe_sidecar.sinks.base import OutageReason

logger = logging.getLogger("dubhe_sidecar")

LOG_AGAIN_S = 60.0


class OutageTracker:
    """The current outage, if any.

    An attempt may take long until it fails: what it waits for counts as an outage before that.

    Args:
        name: the sink's name, which begins each text.
        after_s: seconds after which an attempt that goes on counts as an outage.
        what: what the log says of it.
    """

    def __init__(
        self, name: str, after_s: float = 5.0, *, what: str = "not delivering, waiting"
    ) -> None:
        self.name = name
        self._what = what
        self._after_s = after_s
        self._attempt: tuple[float, Callable[[], OutageReason]] | None = None
        self._reason: OutageReason | None = None
        self._since = 0.0
        self._since_wall_clock = ""
        self._logged_at = 0.0
        self.retries = 0

    @property
    def current(self) -> OutageReason | None:
        """Its code, and as text the sink, the reason and since when; None while all is well."""
        reason, since_s, wall_clock = self._reason, self._since, self._since_wall_clock
        attempt, now = self._attempt, time.monotonic()
        if reason is None and attempt is not None and now - attempt[0] > self._after_s:
            reason, since_s = attempt[1](), attempt[0]
            wall_clock = _wall_clock(now - since_s)
        if reason is None:
            return None
        since = f"since {wall_clock}, for {now - since_s:.0f} s"
        return OutageReason(reason.code, f"{self.name}: {reason.text} ({since})")

    @contextlib.contextmanager
    def attempt(self, waits_for: Callable[[], OutageReason]) -> Iterator[None]:
        """Note that an attempt is being made.

        Args:
            waits_for: returns why it takes long, called from any thread.
        """
        self._attempt = time.monotonic(), waits_for
        try:
            yield
        finally:
            self._attempt = None

    def report(self, reason: OutageReason) -> None:
        """Record why nothing is delivered, and log it unless it was logged a moment ago."""
        now = time.monotonic()
        if self._reason is None:
            self._since = now
            self._since_wall_clock = _wall_clock(0)
        changed = reason != self._reason
        self._reason = reason
        if changed or now - self._logged_at >= LOG_AGAIN_S:
            self._logged_at = now
            current = self.current
            assert current is not None
            attempts = f". Attempts: {self.retries}" if self.retries else ""
            logger.warning("%s. %s%s", self._what, current.text, attempts)

    def end(self) -> None:
        """Record that records are delivered again."""
        if self._reason is not None:
            seconds = time.monotonic() - self._since
            logger.info("%s: delivering again after %.0f s", self.name, seconds)
            self._reason = None


def _wall_clock(seconds_ago: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - seconds_ago))
