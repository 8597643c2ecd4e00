"""Signals as the caller has left them: ignored, or blocked."""

from __future__ import annotations

import signal
from collections.abc import Iterable


def not_ignored(signals: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Return those that the caller does not ignore; SIGTERM in any case.

    ``nohup`` starts a command with SIGHUP ignored, so that it outlives the terminal; a shell
    without job control starts a background job with SIGINT and SIGQUIT ignored, so that Ctrl-C in
    the foreground does not reach it. A handler would undo both.
    https://pubs.opengroup.org/onlinepubs/9699919799/utilities/nohup.html
    """
    return [
        signum
        for signum in signals
        if signum == signal.SIGTERM or signal.getsignal(signum) is not signal.SIG_IGN
    ]


def unblock(signals: Iterable[signal.Signals]) -> None:
    """Let signals come that the caller has blocked, in this thread and in its child processes.

    A mask outlives exec. A supervisor that starts a program while it blocks signals itself, for
    example to wait for them, hands it on; SIGTERM would then stop nothing. Nobody asks for that, as
    they do with ``nohup``.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
