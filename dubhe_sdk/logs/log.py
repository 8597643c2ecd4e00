"""The log: the console and ``/temporary/log/dubhe.log``.

Several processes write to the file: the model, its ranks, the service parent. Each opens it for
appending and writes a line by one ``write``, under a lock on a file beside it; the lock also
decides who rotates.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import logging.handlers
import os
import sys
import time
from pathlib import Path

from dubhe_sdk.logs.format import LOG_LINE
from dubhe_sdk.logs.format import formatter as line_formatter

MAX_BYTES = 10 * 1024 * 1024
BACKUPS = 14
_REPEAT_WARNING_SECONDS = 60.0


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

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; rotate first if it would not fit."""
        try:
            fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            self.handleError(record)
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            self._follow_rotation()
            super().emit(record)
        except OSError:
            self.handleError(record)
        finally:
            os.close(fd)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Warn on the console that the file cannot be written; once a minute, not for each."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._drop_stream()
        now = time.monotonic()
        if now - self._failed_at >= _REPEAT_WARNING_SECONDS and sys.stderr is not None:
            self._failed_at = now
            with contextlib.suppress(OSError, ValueError):  # closed, or on the same full disk
                sys.stderr.write(
                    f"the log file {self.baseFilename} cannot be written: {error.strerror}; lines "
                    "are on the console alone until it can\n"
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


def open_log(path: Path, *, console: bool = True) -> logging.Logger:
    """Return the SDK's logger, which writes to the console and to ``path``.

    It does not propagate: the algorithm's own logging is left as it is. If the file cannot be
    opened, a warning goes to the console, which then gets the log alone.
    """
    logger = logging.getLogger("dubhe_sdk")
    if getattr(logger, "dubhe_path", None) == path:
        return logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    formatter = line_formatter(LOG_LINE)
    if console:
        on_console = logging.StreamHandler(sys.stderr)
        on_console.setFormatter(formatter)
        logger.addHandler(on_console)
    try:
        in_file = SharedRotatingFileHandler(path)
    except OSError as error:
        logger.warning("the log file %s cannot be opened: %s", path, error.strerror)
    else:
        in_file.setFormatter(formatter)
        logger.addHandler(in_file)
    logger.dubhe_path = path  # type: ignore[attr-defined]
    return logger
