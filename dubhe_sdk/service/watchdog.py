"""`Watchdog`: detects a web front that is stuck: it sends no messages."""

from __future__ import annotations

# How often the web front sends a keepalive, and how often the parent checks for one.
KEEPALIVE_INTERVAL_SECONDS = 5.0
# Consecutive checks without a message. Checks and not seconds: when a frozen container goes on, the
# clock has jumped, but no check was made meanwhile.
_MAX_SILENT_CHECKS = 6
# Before it serves it sends nothing. On a slow disk its packages take long to be read.
_MAX_STARTING_CHECKS = 24


class Watchdog:
    """Counts the checks since the last message."""

    def __init__(self) -> None:
        self._silent = 0

    def reset(self) -> None:
        """Note that a message was received."""
        self._silent = 0

    def is_stuck(self, serving: bool) -> bool:
        """Check once; return whether there were too many checks without a message.

        Args:
            serving: whether the front has begun to send messages.
        """
        self._silent += 1
        return self._silent > (_MAX_SILENT_CHECKS if serving else _MAX_STARTING_CHECKS)
