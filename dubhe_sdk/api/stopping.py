"""Whether this process was asked to stop, for code that polls or wants to be called.

In the model process the flag is set by the handler of the stop. Child processes of a task look for
a file beside that of the task's request, which the model process makes.
"""

from __future__ import annotations

import os
from collections.abc import Callable

# Path of a file with the running task's request, for the task's child processes. It is the same
# for every task of a service; there is no file while none runs.
TASK_VARIABLE = "DUBHE_TASK"

_SUFFIX = ".stop"
_callbacks: list[Callable[[], object]] = []
_asked = False
_by_signal = False


def ask_by_signal() -> None:
    """Have `is_asked` look only at what `ask` has noted, for the model process, which calls it.

    To look for the file takes a system call, and integrations ask after each batch.
    """
    global _by_signal
    _by_signal = True


def ask() -> None:
    """Note that a stop was asked for. Runs within a signal handler; does not raise."""
    global _asked
    _asked = True
    path = os.environ.get(TASK_VARIABLE)
    if path:
        try:
            os.close(os.open(path + _SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
        except OSError:  # a full disk: child processes are told by SIGTERM, if they catch it
            return


def is_asked() -> bool:
    """Return whether this process, or the model process above it, was asked to stop."""
    if _asked or _by_signal:
        return _asked
    path = os.environ.get(TASK_VARIABLE)
    return path is not None and os.path.exists(path + _SUFFIX)  # noqa: PTH110 - a third of Path's time


def add_callback(callback: Callable[[], object]) -> None:
    """Have a callback called at a stop; at once if it was asked for already."""
    if is_asked():
        callback()
    else:
        _callbacks.append(callback)


def take_callbacks() -> list[Callable[[], object]]:
    """Return the callbacks in the order of registration, and forget them."""
    taken = _callbacks[:]
    _callbacks.clear()
    return taken


def _forget_in_child() -> None:
    global _by_signal
    _by_signal = False
    _callbacks.clear()  # they belong to the process that registered them


os.register_at_fork(after_in_child=_forget_in_child)
