"""What a source of messages offers, and what it needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from dubhe_simulator.sources.record import RecordBatch

Put = Callable[[RecordBatch], None]


class Source(Protocol):
    """Reads records on a thread of its own and hands them over in batches.

    Attributes:
        name: what it reads.
    """

    name: str

    @property
    def error(self) -> str | None:
        """Why nothing can be read, while that is so; in the language of who asks."""

    @property
    def outage_s(self) -> float:
        """For how many seconds nothing could be read."""

    def start(self) -> None:
        """Begin."""

    def wait_until_connected(self, timeout: float) -> bool:
        """Return whether it is known in time from where on it reads."""

    def follow(self, folder: Path) -> None:
        """Follow an instance's folder too, if it is one of journals."""

    def catch_up(self, timeout: float) -> bool:
        """Hand over everything that can be read now; return whether that was done in time."""

    def close(self) -> None:
        """Hand over what is there, then end."""
