"""`ServiceTime`: how fast inferences are answered, for refusals that say how long to wait."""

from __future__ import annotations

from time import monotonic

# Later answers count for more: what lies so many back has a third of the weight.
_SMOOTHED_OVER = 16


class ServiceTime:
    """Seconds from one answer to the next while there is work, as a moving average."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._since = 0.0  # of the last answer, or of the end of an idle time
        self._count = 0

    def resume(self) -> None:
        """Note that work begins after an idle time, which does not count."""
        self._since = monotonic()

    def add(self, count: int = 1) -> None:
        """Note that so many inferences were answered."""
        now = monotonic()
        each = (now - self._since) / count
        self._since = now
        self._count += count
        self._mean += (each - self._mean) * count / min(self._count, max(count, _SMOOTHED_OVER))

    def seconds_for(self, count: int) -> float | None:
        """Return how long so many will take, in seconds; None if nothing was answered yet.

        A model that takes unusually long at the moment makes it longer.
        """
        if not self._count:
            return None
        return max(count * self._mean, monotonic() - self._since)

    def advice(self, count: int) -> str:
        """Return the end of a refusal: when to send a request again behind so many others."""
        seconds = self.seconds_for(count)
        if seconds is None:
            return "send it again later"
        whole = max(1, round(seconds))
        return f"at the measured rate these take about {whole} s: send it again after that"
