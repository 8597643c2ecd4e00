"""SIGINT, SIGTERM and SIGHUP end the play; what it started ends first.

The first signal raises `Stopped` in the main thread, wherever that is. Work that must not be torn
apart, such as ending an instance, runs in `deferred`: there a signal is only counted, and
`Stopped` is raised at the end. This state is the process's, as signals are.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from dubhe_simulator.errors import Stopped

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class _State:
    received: list[int] = field(default_factory=list)
    depth: int = 0
    raised: bool = False

    def reset(self) -> None:
        self.received, self.depth, self.raised = [], 0, False

    def raise_if_due(self) -> None:
        if self.received and not self.raised and self.depth == 0:
            self.raised = True  # once: later signals only make the ending quicker
            raise Stopped(self.received[0])


_state = _State()


@contextmanager
def watched() -> Iterator[None]:
    """Turn signals into `Stopped` while the block runs. Main thread only."""
    _state.reset()
    before = {signum: signal.getsignal(signum) for signum in ENDING}
    for signum in ENDING:
        # Under nohup SIGHUP is ignored, and has to stay so. SIGINT is ignored in a shell
        # script's background jobs; whoever sends it to one nevertheless means it.
        if signum != signal.SIGHUP or before[signum] != signal.SIG_IGN:
            signal.signal(signum, _handle)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Put `Stopped` off until the block has ended. Other threads are never stopped so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
        _state.raise_if_due()


def count() -> int:
    """Return how many signals arrived since `watched` began."""
    return len(_state.received)


def note(number: int) -> None:
    """Set the count for a process that has signal handlers of its own; raises nothing."""
    _state.raised = True
    _state.received = [signal.SIGTERM] * number


def _handle(signum: int, frame: FrameType | None) -> None:
    _state.received.append(signum)
    _state.raise_if_due()
