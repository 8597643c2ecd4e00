"""Signals that the caller has asked this process to ignore."""

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
