"""What Linux has and Python's library does not: two process attributes of prctl(2), and a signal.

Elsewhere the functions do nothing; then a process killed outright may leave children behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# By which the service parent tells a model process to stop. Not SIGTERM, which algorithms and
# libraries take for themselves, some in C; nobody has a use for this one.
STOP_SIGNAL: int = getattr(signal, "SIGRTMIN", signal.SIGTERM) + (
    7 if hasattr(signal, "SIGRTMIN") else 0
)

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(parent: int, signum: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send ``signum`` to this process when its parent dies.

    Args:
        parent: the parent's PID; if it is gone already, the signal comes at once.
        signum: the signal.
    """
    _prctl(_PR_SET_PDEATHSIG, int(signum))
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def adopt_orphans() -> None:
    """Make descendants whose parents die children of this process, so that it can find them."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
