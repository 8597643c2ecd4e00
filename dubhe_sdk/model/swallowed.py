"""Whether an exception that was raised in the algorithm has vanished without anybody noticing.

Problem: an exception that a signal handler raises hits whatever the main thread is doing. If that
is a finalizer, a callback from C (ctypes, Cython) or a side task of an event loop, the exception
ends there: printed as "Exception ignored in …", stored in a task, or turned into another one.

Mechanism: the traceback lists the frames that the exception has reached; the outermost one is the
last that it reached. If that frame has ended by the exception, then whoever called it, which is no
Python code, took the exception away. If it is still there, waits (a generator, a coroutine), or has
ended otherwise, then its code has caught the exception, and may be saving: it must be left alone.

Safety: how a frame ended is seen from its last instruction: that at which the exception passed
through, or one that raises the same exception again. In doubt an exception counts as caught.
"""

from __future__ import annotations

import dis
import sys
from types import CodeType, FrameType, TracebackType

_RERAISE = dis.opmap.get("RERAISE", -1)
_RAISE = dis.opmap["RAISE_VARARGS"]


def is_swallowed(error: BaseException, stack: FrameType | None) -> bool:
    """Return whether an exception has vanished.

    Args:
        error: what was raised, in this thread.
        stack: the innermost frame of this thread now.
    """
    if _is_handled(error):
        return False
    trace = error.__traceback__
    if trace is None:
        return True
    if _is_running(trace.tb_frame, stack):
        return False
    # An event loop catches whatever its callbacks raise, and goes on.
    return is_of_event_loop(trace.tb_frame) or _ended_by_it(trace)


def swallowed_by(error: BaseException) -> CodeType | None:
    """Return the code of which an exception that has vanished did not come out."""
    trace = error.__traceback__
    return None if trace is None else trace.tb_frame.f_code


def is_of_event_loop(frame: FrameType) -> bool:
    """Return whether a frame belongs to asyncio."""
    return str(frame.f_globals.get("__name__", "")).split(".")[0] == "asyncio"


def _is_handled(error: BaseException) -> bool:
    """Return whether an ``except`` or ``finally`` block for it is being executed."""
    handled = sys.exc_info()[1]
    seen: set[int] = set()
    while handled is not None and id(handled) not in seen:
        if handled is error:
            return True
        seen.add(id(handled))
        handled = handled.__cause__ or handled.__context__
    return False


def _is_running(frame: FrameType, stack: FrameType | None) -> bool:
    while stack is not None:
        if stack is frame:
            return True
        stack = stack.f_back
    return False


def _ended_by_it(trace: TracebackType) -> bool:
    last = trace.tb_frame.f_lasti
    if last == trace.tb_lasti:
        return True
    code = _instruction(trace.tb_frame.f_code, last)
    return code is not None and (code[0] == _RERAISE or code == (_RAISE, 0))


def _instruction(code: CodeType, index: int) -> tuple[int, int] | None:
    """Return operation and argument at an index."""
    raw = code.co_code
    return (raw[index], raw[index + 1]) if 0 <= index < len(raw) - 1 else None
