"""`ServiceTime`: how fast inferences are answered, for refusals that say how long to wait."""

from __future__ import annotations

from time import monotonic

# So many answers, at least, are put together before the mean follows them.
_TOGETHER = 16


class ServiceTime:
    """Seconds from one answer to the next while there is work, as a mean of the last ones.

    What is done for each answer is little: it is a part of the time of a quick one.
    """

    def __init__(self) -> None:
        self._mean: float | None = None  # of the answers before those that are counted
        self._begun = 0.0  # when those that are counted began
        self._last = 0.0  # the last answer, or the end of an idle time
        self._count = 0

    def resume(self) -> None:
        """Note that work begins after an idle time, which does not count."""
        now = monotonic()
        self._begun += now - self._last
        self._last = now

    def add(self, count: int = 1) -> None:
        """Note that so many inferences were answered."""
        self._last = monotonic()
        self._count += count
        if self._count >= _TOGETHER:
            self._mean = (self._last - self._begun) / self._count
            self._begun = self._last
            self._count = 0

    def seconds_for(self, count: int) -> float | None:
        """Return how long so many will take, in seconds; None if nothing was answered yet.

        A model that takes unusually long at the moment makes it longer.
        """
        mean = self._mean
        if mean is None:
            if not self._count:
                return None
            mean = (self._last - self._begun) / self._count
        return max(count * mean, monotonic() - self._last)

    def advice(self, count: int) -> str:
        """Return the end of a refusal: when to send a request again behind so many others."""
        seconds = self.seconds_for(count)
        if seconds is None:
            return "send it again later"
        whole = max(1, round(seconds))
        return f"at the measured rate these take about {whole} s: send it again after that"
