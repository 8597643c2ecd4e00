"""Proof from counts that everything an instance reported arrived, and arrived once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MESSAGE_TYPES = ("READY", "START", "progress", "result", "END", "other")


@dataclass(frozen=True)
class MessageStats:
    """The messages of one instance.

    Every message carries the name of the process that wrote it and a number that counts from 1
    within that process. What a process wrote after its last message that arrived is not covered
    by these numbers; the instance's own spool knows it.

    Attributes:
        by_type: how many arrived of each of `MESSAGE_TYPES`.
        gaps: how many numbers are missing below each writer's highest.
        duplicates: how many arrived that had arrived before.
        unnumbered: how many carry no number.
        reported: how many the instance reported.
    """

    by_type: Mapping[str, int]
    gaps: int
    duplicates: int
    unnumbered: int
    reported: int

    @property
    def received(self) -> int:
        """How many arrived, duplicates included."""
        return sum(self.by_type.values())

    @property
    def missing(self) -> int:
        """How many were reported and did not arrive."""
        return self.reported - self.received + self.duplicates

    @property
    def complete(self) -> bool:
        """Whether everything arrived, once."""
        return self.gaps == self.duplicates == self.missing == 0
