"""SIGTERM in the model process: `TaskStopped` is raised in what the main thread is doing."""

from __future__ import annotations

import signal
from types import FrameType

from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.spool.writer import may_interrupt


class StopSignal:
    """Raises `TaskStopped` in the main thread once.

    The parent repeats the signal until the model has gone, so one that comes while a frame is
    being appended to the spool may simply be passed over.
    """

    def __init__(self) -> None:
        self.raised = False

    def install(self) -> None:
        """Take over SIGTERM. To be called in the main thread."""
        signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, signum: int, stack: FrameType | None) -> None:
        if not self.raised and may_interrupt(stack):
            self.raised = True
            raise TaskStopped("the service was told to stop (SIGTERM)")
