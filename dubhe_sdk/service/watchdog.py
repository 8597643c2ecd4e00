"""`Watchdog`: notices that the web front is stuck, from its silence."""

from __future__ import annotations

# So often the web front says that it lives, and so often the parent looks.
ALIVE_SECONDS = 5.0
# Looks without a word in between. Looks and not seconds: when a container that was frozen goes
# on, the clock has jumped, but the web front has not been silent for any look.
_SILENT_LOOKS = 6


class Watchdog:
    """Counts the looks since the last word."""

    def __init__(self) -> None:
        self._silent = 0

    def hear(self) -> None:
        """Note that it lives."""
        self._silent = 0

    def is_stuck(self) -> bool:
        """Look; return whether it has been silent for too many looks."""
        self._silent += 1
        return self._silent > _SILENT_LOOKS
