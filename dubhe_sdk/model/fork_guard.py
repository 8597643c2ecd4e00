"""Keeps a child that the algorithm forks from leaving its method into the SDK's code.

Problem: ``os.fork()`` in a method makes a second process in the middle of the SDK's stack. If the
child returns, raises, or calls ``sys.exit`` like any script, it goes on in the code that called the
method: it would report an END while the training runs, or answer on its parent's connection, and
from then on every client would get the reply to the request of somebody else.

Mechanism: foreign code runs in the block of `foreign_code`. Whoever leaves that block in another
process than entered it ends there by ``os._exit``, with the status that a script would have; what
it raised is in the log. Sockets of the model process are closed in every forked child
(`keep_private`).

Safety: the process id is compared with one that was read before the block, so it does not matter
how, when or by which thread was forked. Children of ``multiprocessing`` and ``subprocess`` never
get here: they leave by ``os._exit`` or ``exec`` themselves. Closing a socket in the child does not
affect the parent's: it shuts down nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import weakref
from types import TracebackType
from typing import NoReturn

from dubhe_sdk.model.failure import log_failure

_private: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def keep_private(sock: socket.socket) -> None:
    """Have a socket closed in forked children.

    A child that lives on would otherwise hold it open, and its other end could not notice that
    this process has died.
    """
    _private.add(sock)


def foreign_code(log: logging.Logger) -> contextlib.AbstractContextManager[None]:
    """Run the algorithm's code in this block; only the process that entered it leaves it.

    Args:
        log: for the traceback of a child that raises.
    """
    return _ForeignCode(log)


class _ForeignCode:
    """No generator: each inference runs in one, and this takes half of the time."""

    __slots__ = ("_log", "_pid")

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def __enter__(self) -> None:
        self._pid = os.getpid()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if os.getpid() != self._pid:
            _leave(self._log, error)


def _leave(log: logging.Logger, error: BaseException | None) -> NoReturn:
    """End a forked child as the end of a script would."""
    status = 0
    try:
        if isinstance(error, SystemExit):
            status = _exit_status(error)
        elif error is not None:
            status = 1
            log_failure(log, "a process that the algorithm forked failed", error)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or replaced
                stream.flush()
    finally:
        os._exit(status)


def _exit_status(error: SystemExit) -> int:
    """Return the exit status that Python derives from a `SystemExit`."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(error.code, file=sys.stderr)  # noqa: T201 - what Python does with a text
    return 1


def _close_private() -> None:
    for sock in list(_private):
        sock.close()


os.register_at_fork(after_in_child=_close_private)
