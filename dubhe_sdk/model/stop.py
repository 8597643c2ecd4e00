"""SIGTERM in the model process: `TaskStopped` is raised in what the main thread is doing."""

from __future__ import annotations

import os
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
        self._mask: set[int | signal.Signals] = set()

    def install(self) -> None:
        """Take over SIGTERM, in this process alone. To be called in the main thread.

        Forked children (data loaders, pools) die of it as usual: ``Process.terminate`` and
        ``Pool.terminate`` send it to them.
        """
        signal.signal(signal.SIGTERM, self._handle)
        # Blocked over the fork: one that came between the fork and `_give_back` would be noted
        # for a handler that is no longer there, and be lost.
        os.register_at_fork(
            before=self._block, after_in_parent=self._restore, after_in_child=self._give_back
        )

    def _block(self) -> None:
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _restore(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _give_back(self) -> None:
        if signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._restore()

    def _handle(self, signum: int, stack: FrameType | None) -> None:
        if not self.raised and may_interrupt(stack):
            self.raised = True
            raise TaskStopped("the service was told to stop (SIGTERM)")
