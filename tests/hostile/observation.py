"""`Observation`: what platform and operator saw of one case, and what the algorithm really did."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.journal import says


@dataclass
class Observation:
    """Everything there is to judge."""

    folder: Path
    messages: list[dict[str, Any]]
    """As in the journal: ``topic`` and ``value``, in the order of delivery."""
    account: list[dict[str, Any]]
    """See `tests.hostile.account`."""
    status: int
    """Exit status of what was started."""
    asked_ms: int | None
    """When the first stop was asked for, in milliseconds since 1970; None: never."""
    heartbeats: int
    """How many were answered."""
    missed: list[tuple[int, str]]
    """Heartbeats that were not: when, in milliseconds since 1970, and why."""
    undelivered: int
    replies: list[dict[str, Any]] = field(default_factory=list)
    """To the requests other than heartbeats."""
    log: str = ""
    console: str = ""
    is_inference: bool = False

    @property
    def reported(self) -> list[str]:
        """READY, START, END 200, progress, result: all messages in short words."""
        return [says(message) for message in self.messages]

    @property
    def states(self) -> str:
        """The same without progress and results, in one line."""
        return ", ".join(word for word in self.reported if word not in ("progress", "result"))

    @property
    def data(self) -> list[Any]:
        """``data`` of progress and results."""
        return [m["value"]["data"] for m in self.messages if m["value"]["mes_type"] in (2, 3)]

    @property
    def ends(self) -> list[dict[str, Any]]:
        """``data`` of every END."""
        return [m["value"]["data"] for m in self.messages if says(m).startswith("END")]

    @property
    def notes(self) -> list[str]:
        """What was noted, without the reports."""
        return [e["what"] for e in self.account if not e["what"].startswith("report ")]

    def noted(self, what: str) -> list[dict[str, Any]]:
        """Return the notes of a kind."""
        return [entry for entry in self.account if entry["what"] == what]
