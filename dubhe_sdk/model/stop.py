"""A stop in the model process: `TaskStopped` is raised in what the main thread is doing.

The service parent says it by `STOP_SIGNAL` and not by SIGTERM. Algorithms and libraries take
SIGTERM for themselves, some in C (PaddlePaddle, at its import), where `signal.getsignal` does not
show it. What they have set in Python is called as SIGTERM would call it, and then the task's end
is judged by its progress alone; see `dubhe_sdk.model.tasks`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from types import CodeType, FrameType, TracebackType
from typing import NoReturn

from dubhe_sdk.api import stopping
from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.model.failure import log_failure
from dubhe_sdk.model.swallowed import is_of_event_loop, is_swallowed, swallowed_by
from dubhe_sdk.process.linux import STOP_SIGNAL
from dubhe_sdk.spool.writer import may_interrupt

_SIGNALS = (STOP_SIGNAL, signal.SIGTERM)


class StopSignal:
    """Raises `TaskStopped` in the main thread, until some code there has got it.

    The parent repeats the signal until the model has gone, so one that comes while a frame is
    being appended to the spool may simply be passed over; and an exception that vanished in a
    finalizer, a callback from C or an event loop's side task is raised again. It is never raised
    into code that has caught it: that may be saving a checkpoint.

    A training may spend nearly all its time in such a callback, and each repetition would vanish
    like the first. So what has swallowed one is remembered, and when the signal comes in it again,
    the exception is raised in the frame outside, as soon as that goes on: by a trace function, as
    a debugger stops a program.
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether a stop was asked for."""
        self._error: TaskStopped | None = None
        self._told = False
        self._forwarded = False
        self._in_task = False
        self._armed = True
        self._mask: set[int | signal.Signals] = set()
        self._log: logging.Logger | None = None
        self._swallowers: set[CodeType] = set()
        self._traced: FrameType | None = None
        self._task = _Task(self)

    def install(self) -> None:
        """Take over the signals, in this process alone. To be called in the main thread.

        Forked children (data loaders, pools) die of SIGTERM as usual: ``Process.terminate`` and
        ``Pool.terminate`` send it to them.
        """
        for signum in _SIGNALS:
            signal.signal(signum, self._handle)
        # Blocked over the fork: one that came between the fork and `_give_back` would be noted
        # for a handler that is no longer there, and be lost.
        os.register_at_fork(
            before=self._block, after_in_parent=self._restore, after_in_child=self._give_back
        )

    def log_to(self, log: logging.Logger) -> None:
        """Set the log for what callbacks raise."""
        self._log = log

    def task(self) -> contextlib.AbstractContextManager[None]:
        """Run the algorithm's code in this block: its own handler of SIGTERM is respected.

        Nothing is raised between the block's end and `resume`, so how the task ended can be
        reported. Outside, in waiting for work, `TaskStopped` is always raised.
        """
        return self._task

    def begin_task(self) -> None:
        """Note that the algorithm's code runs from now on; for `task`."""
        self._in_task = True

    def end_task(self) -> None:
        """Note that it runs no more; for `task`."""
        self._armed = False
        self._in_task = False
        if self._traced is not None:
            self._trace_no_more(self._traced)

    def resume(self) -> None:
        """Raise again: nothing is being reported any more."""
        self._armed = True

    def _block(self) -> None:
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def _restore(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _give_back(self) -> None:
        for signum in _SIGNALS:
            if signal.getsignal(signum) == self._handle:
                signal.signal(signum, signal.SIG_DFL)
        self._restore()

    def _handle(self, signum: int, stack: FrameType | None) -> None:
        self.asked = True
        if not may_interrupt(stack):
            return
        if not self._told:
            self._told = True
            stopping.ask()
            self._call_callbacks()
        if not self._armed:
            return
        if self._in_task and signum != signal.SIGTERM:
            action = signal.getsignal(signal.SIGTERM)
            if action != self._handle:
                self._forward(action, stack)
                return
        if self._error is None:
            self._raise()
        elif is_swallowed(self._error, stack):
            swallower = swallowed_by(self._error)
            if swallower is not None:
                self._swallowers.add(swallower)
            outside = self._outside(stack)
            if self._traced is not None:
                if outside is self._traced:
                    return
                self._trace_no_more(self._traced)
            if outside is None or sys.gettrace() is not None:
                self._raise()  # a debugger's trace function is left alone
            self._raise_in(outside)

    def _raise(self) -> NoReturn:
        self._error = TaskStopped("the service was told to stop")
        raise self._error

    def _outside(self, stack: FrameType | None) -> FrameType | None:
        """Return the frame around whatever is known to swallow; None if nothing of it runs."""
        outside = None
        while stack is not None:
            if stack.f_code in self._swallowers:
                outside = stack.f_back
            stack = stack.f_back
        # An event loop in which something is raised ends all its tasks by another exception.
        return None if outside is None or is_of_event_loop(outside) else outside

    def _raise_in(self, frame: FrameType) -> None:
        """Raise when a frame goes on."""
        self._traced = frame
        frame.f_trace = self._trace
        sys.settrace(lambda *_: None)  # other frames are not traced

    def _trace(self, frame: FrameType, event: str, argument: object) -> object:
        if not may_interrupt(frame):
            return self._trace
        self._trace_no_more(frame)
        if self._armed:
            self._raise()
        return None

    def _trace_no_more(self, traced: FrameType) -> None:
        sys.settrace(None)
        traced.f_trace = None
        self._traced = None

    def _forward(self, action: object, stack: FrameType | None) -> None:
        """Do once what SIGTERM does by the algorithm's own choice."""
        if self._forwarded:
            return
        self._forwarded = True
        if callable(action):
            action(signal.SIGTERM, stack)
        elif action == signal.SIG_DFL:
            os.kill(os.getpid(), signal.SIGTERM)

    def _call_callbacks(self) -> None:
        for callback in stopping.take_callbacks():
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - the algorithm's; the stop goes on
                if self._log is not None:
                    log_failure(self._log, "a callback of ctx.on_stop failed", error)
                else:
                    sys.excepthook(type(error), error, error.__traceback__)


class _Task:
    """The block of `StopSignal.task`. No generator: each inference runs in one, and this takes a
    quarter of the time.
    """

    __slots__ = ("_begin", "_end")

    def __init__(self, stop: StopSignal) -> None:
        self._begin, self._end = stop.begin_task, stop.end_task

    def __enter__(self) -> None:
        self._begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
