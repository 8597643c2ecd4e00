"""What a display is told while the platform plays. The terminal is one; a page can be another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.instances.base import ExitInfo

ESTIMATE_AFTER_S = 1.0  # the first batch is slower than the rest


@dataclass(frozen=True)
class Progress:
    """How far a task is.

    Attributes:
        share: from 0 to 1.
        epoch: None if only the progress was reported.
        metrics: the latest of each, by name.
        elapsed: seconds since the task began.
    """

    share: float
    epoch: int | None
    metrics: Mapping[str, float]
    elapsed: float

    @property
    def remaining(self) -> float | None:
        """Seconds left if it goes on like this; None as long as nobody can tell."""
        if not 0 < self.share < 1 or self.elapsed < ESTIMATE_AFTER_S:
            return None
        return self.elapsed * (1 - self.share) / self.share


class View(Protocol):
    """A display."""

    def starting(self, kind: TaskKind, instance_id: str) -> None:
        """An instance is being started."""

    def ready(self, kind: TaskKind, seconds: float) -> None:
        """It serves, after so many seconds."""

    def progress(self, kind: TaskKind, progress: Progress) -> None:
        """The task went on."""

    def task_ended(self, kind: TaskKind, progress: Progress | None, seconds: float) -> None:
        """The task ended well; ``progress`` is the last one."""

    def answered(self, kind: TaskKind, reply: Mapping[str, Any], seconds: float) -> None:
        """An inference was answered."""

    def heartbeat(self, alive: bool, detail: str) -> None:
        """The heartbeat was lost, or came back."""

    def stopped(self, kind: TaskKind, exit_info: ExitInfo) -> None:
        """An instance has ended."""
