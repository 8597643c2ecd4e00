"""The log: the console and ``/temporary/log/dubhe.log``.

Several processes write to the file: the model, its ranks, the service parent. Each opens it for
appending and writes a line by one ``write``, under a lock on a file beside it; the lock also
decides who rotates.

No process waits for another one for long. ``flock`` belongs to the open file, which a fork
shares: a child that was forked by another thread while a line was being written would keep the
lock for its whole life. So a fork waits until the line is written. A holder that is stopped is
waited for briefly; then the line is written without the lock. ``O_APPEND`` keeps it in one piece,
and nobody rotates without it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import logging.handlers
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.logs.console import ConsoleHandler, write_line
from dubhe_sdk.logs.format import LOG_LINE
from dubhe_sdk.logs.format import formatter as line_formatter

MAX_BYTES = 10 * 1024 * 1024
BACKUPS = 14
_REPEAT_WARNING_SECONDS = 60.0

# The lock is held for a write; a holder that was stopped in it (SIGSTOP, a frozen container) is not
# waited for, and for a while not even this long.
_LOCK_SECONDS = 0.25
_LOCK_POLL_SECONDS = 0.0005
_IMPATIENT_SECONDS = 5.0

# Held while a line is written. A fork waits for it.
_writing = threading.RLock()
_held: set[int] = set()  # descriptors of the lock file


def _after_fork_in_child() -> None:
    # Not empty if this very thread was writing, and a signal handler forked.
    for fd in _held:
        with contextlib.suppress(OSError):
            os.close(fd)
    _held.clear()
    _writing.release()


os.register_at_fork(
    before=_writing.acquire,
    after_in_parent=_writing.release,
    after_in_child=_after_fork_in_child,
)


class SharedRotatingFileHandler(logging.handlers.RotatingFileHandler):
    """A rotating file that several processes may write to at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(
            path,
            maxBytes=MAX_BYTES,
            backupCount=BACKUPS,
            encoding="utf-8",
            errors="backslashreplace",
        )
        self._lock_path = path.parent / f".{path.name}.lock"
        self._failed_at = -_REPEAT_WARNING_SECONDS
        self._impatient_until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; rotate first if it would not fit."""
        with _writing:
            fd = self._lock()
            try:
                self._follow_rotation()
                if fd is None:  # somebody else holds the lock and may be rotating
                    logging.FileHandler.emit(self, record)
                else:
                    super().emit(record)
            except OSError:
                self.handleError(record)
            finally:
                self._unlock(fd)

    def _lock(self) -> int | None:
        """Return the descriptor that holds the lock; None if it is not to be had in time."""
        try:
            fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return None
        _held.add(fd)
        now = time.monotonic()
        deadline = now + (_LOCK_SECONDS if now >= self._impatient_until else 0.0)
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EINTR) or time.monotonic() >= deadline:
                    self._impatient_until = time.monotonic() + _IMPATIENT_SECONDS
                    self._unlock(fd)
                    return None
                time.sleep(_LOCK_POLL_SECONDS)
            else:
                return fd

    def _unlock(self, fd: int | None) -> None:
        if fd is not None:
            _held.discard(fd)
            os.close(fd)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Warn on the console that the file cannot be written; once a minute, not for each."""
        error = sys.exc_info()[1]
        self._drop_stream()
        now = time.monotonic()
        if now - self._failed_at >= _REPEAT_WARNING_SECONDS:
            self._failed_at = now
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            write_line(
                f"the log file {self.baseFilename} cannot be written: {reason}; lines are on the "
                "console alone until it can"
            )

    def _drop_stream(self) -> None:
        """Let go of the file, and of what could not be written to it: it would come torn later.

        The next line opens it again.
        """
        stream = self.stream
        if stream is not None:
            self.stream = None
            with contextlib.suppress(OSError):
                stream.close()

    def _follow_rotation(self) -> None:
        """Open the file again if another process has rotated it, or it was removed."""
        if self.stream is None:
            return
        ours = os.fstat(self.stream.fileno())
        theirs: os.stat_result | None
        try:
            theirs = Path(self.baseFilename).stat()
        except OSError:
            theirs = None
        if theirs is None or (ours.st_ino, ours.st_dev) != (theirs.st_ino, theirs.st_dev):
            self._drop_stream()
            self.stream = self._open()


class SdkLogger(logging.Logger):
    """A logger that no configuration of `logging` reaches.

    ``dictConfig`` and ``fileConfig`` disable by default every logger they do not name;
    ``logging.disable`` and loops over all loggers silence the rest. This one is not registered with
    the manager, has no parent, and makes its records itself.
    """

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802
        """Return whether the level is logged; `logging.disable` has no part in it."""
        return level >= self.level

    def makeRecord(  # noqa: N802
        self,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> logging.LogRecord:
        """Make a record; a record factory that the algorithm has set is not asked."""
        record = logging.LogRecord(name, level, fn, lno, msg, args, exc_info, func, sinfo)
        record.__dict__.update(extra or {})
        return record


_loggers: dict[Path, SdkLogger] = {}


def open_log(path: Path, *, console: bool = True) -> logging.Logger:
    """Return the SDK's logger, which writes to the console and to ``path``.

    The algorithm's own logging is left as it is, and cannot change this one. If the file cannot be
    opened, a warning goes to the console, which then gets the log alone.
    """
    logger = _loggers.get(path)
    if logger is not None:
        return logger
    close_logs()  # a process has one
    logger = _loggers[path] = SdkLogger("dubhe_sdk", logging.INFO)
    logger.propagate = False
    formatter = line_formatter(LOG_LINE)
    if console:
        on_console = ConsoleHandler()
        on_console.setFormatter(formatter)
        logger.addHandler(on_console)
    try:
        in_file = SharedRotatingFileHandler(path)
    except OSError as error:
        logger.warning("the log file %s cannot be opened: %s", path, error.strerror)
    else:
        in_file.setFormatter(formatter)
        logger.addHandler(in_file)
    return logger


def close_logs() -> None:
    """Close what `open_log` has opened."""
    for logger in _loggers.values():
        for handler in logger.handlers:
            handler.close()
    _loggers.clear()
