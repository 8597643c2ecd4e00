"""What `watch` needs of a source of messages."""

from __future__ import annotations

from typing import Protocol

from dubhe_simulator.contract.message import Message


class SourceBroken(Exception):
    """Messages cannot be read on. The text says why."""


class Source(Protocol):
    """Messages of one instance, in the order in which they were delivered."""

    def poll(self, timeout: float) -> list[Message]:
        """Return messages that arrived; waits up to ``timeout`` seconds for the first.

        Raises:
            SourceBroken: reading cannot go on.
        """

    def drain(self) -> list[Message]:
        """Return everything that is there by now. For after the instance's end.

        Raises:
            SourceBroken: reading cannot go on.
        """

    def close(self) -> None:
        """Let go of files and connections."""
