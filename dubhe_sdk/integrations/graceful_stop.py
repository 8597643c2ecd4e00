"""`GracefulStop`: while a framework trains, a stop is a question between batches.

Problem: `dubhe_sdk.TaskStopped` may be raised between any two lines: in the middle of an
optimizer's step, in a callback whose exceptions the framework swallows, or while it writes a
checkpoint. What is then saved is half of one step and half of the next.

Mechanism: a handler of SIGTERM that does nothing. The SDK respects what the algorithm has set for
SIGTERM and does that in place of raising; `Context.stopping` is true all the same. The integration
asks for it after each batch, saves what the framework saves, and leaves in the framework's way.

Safety: the handler is set in the main thread alone, and only where nobody has set another than the
SDK's or the default one; so a library's own handling of SIGTERM stays. It is taken back when the
training ends, and before the integration raises `TaskStopped`. A framework may have saved the
handler, and set it again after that; while nothing trains it therefore does what the one before it
does. A training that failed may not have ended: frameworks do not call their callbacks then. It
does not count beyond its task, nor once nothing refers to it any more. A batch that takes longer
than the grace ends as everything does that does not stop: it is killed, and the platform gets END
300. Forked children get the default action back: ``Process.terminate`` and ``Pool.terminate`` end
them by SIGTERM.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from types import FrameType
from typing import Any

from dubhe_sdk.api.current_task import on_task_end
from dubhe_sdk.api.stopping import TASK_VARIABLE

# Weak, so that a training that failed without an end counts no longer than it lives.
_training: weakref.WeakSet[GracefulStop] = weakref.WeakSet()
_before: Any = signal.SIG_DFL


def leave_to_the_callback(signum: int, stack: FrameType | None) -> None:
    """Do nothing while a framework trains: `Context.stopping` is asked between batches."""
    gc.collect()  # a model, its callbacks and what they have seen refer to each other
    if not _training:
        signal.signal(signal.SIGTERM, _before)
        if callable(_before):
            _before(signum, stack)
        else:
            os.kill(os.getpid(), signum)


class GracefulStop:
    """Has a stop come between batches, from `begin` to `end`. Can be pickled; is then not begun.

    Examples:
        >>> stop = GracefulStop()
        >>> stop.begin()
        >>> try:
        ...     train()             # asks ctx.stopping after each batch
        ... finally:
        ...     stop.end()
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return GracefulStop, ()

    def begin(self) -> None:
        """Take SIGTERM, if nobody but the SDK has. No effect in a thread, and outside a task."""
        global _before
        if threading.current_thread() is not threading.main_thread():
            return
        now = signal.getsignal(signal.SIGTERM)
        if now is not leave_to_the_callback:
            below = now == signal.SIG_DFL and TASK_VARIABLE in os.environ
            if not (below or _is_ours(now)):
                return  # of the algorithm or a library; or nobody would answer the question
            _before = now
            _take()
        _training.add(self)

    def take_again(self) -> None:
        """Take SIGTERM from a framework that has set a handler of its own since `begin`.

        To be called where `begin` was, and only for a handler that is known.
        """
        if self in _training:
            _take()

    def end(self) -> None:
        """Give SIGTERM back. May be called more than once, and without `begin`."""
        if self not in _training:
            return
        _training.discard(self)
        if not _training and signal.getsignal(signal.SIGTERM) is leave_to_the_callback:
            signal.signal(signal.SIGTERM, _before)


def _take() -> None:
    signal.signal(signal.SIGTERM, leave_to_the_callback)
    # A system call in C goes on: LightGBM's ranks would take EINTR for the end of their connection.
    signal.siginterrupt(signal.SIGTERM, False)


def _forget_failed() -> None:
    """Forget the trainings of a task that has ended, and give SIGTERM back."""
    _training.clear()
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is leave_to_the_callback
    ):
        signal.signal(signal.SIGTERM, _before)


on_task_end(_forget_failed)


def _give_back_in_child() -> None:
    _training.clear()
    if signal.getsignal(signal.SIGTERM) is leave_to_the_callback:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=_give_back_in_child)


def _is_ours(handler: Any) -> bool:
    """Return whether it is the handler of the model process or of a rank."""
    return str(getattr(handler, "__module__", "")).partition(".")[0] == "dubhe_sdk"
