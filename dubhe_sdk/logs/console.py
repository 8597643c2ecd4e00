"""The console, written by a descriptor of our own and without ever waiting for its reader.

Problem: what reads a container's output may stop (a log driver, a full disk, a pipe that nobody
empties). A ``write`` then blocks for good, and with it whoever has a line to log: the parent that
should stop the service, the sidecar that should deliver, the training. And ``sys.stderr`` belongs
to the algorithm, which may close, detach or replace it.

Mechanism: a pipe or a terminal is opened again through ``/proc/self/fd``, which makes an open
file of its own that does not block. (``O_NONBLOCK`` on descriptor 2 itself would change it for
all who share it.) A regular file is duplicated, since it has to share its offset. What cannot be
opened again is asked by ``poll`` first, and sent to in small pieces. What is not taken waits in a
buffer for the next line; beyond its bound lines are counted and left out, and the next that is
taken begins with their number.

Safety: no system call here waits. A pipe takes pieces of up to `PIPE_BUF` bytes whole or not at
all. The descriptor is a high number: programs that close or reuse low ones do not hit it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import socket
import stat

STDERR = 2
# On a terminal: back to the first column, and away with what stands there, such as a progress bar
# that ends without a line end. "Erase in line" of ECMA-48, 8.3.41.
_LINE_START = b"\r\x1b[K"
MAX_PENDING_BYTES = 64 * 1024
_LOWEST_FD = 200
_PIECE_BYTES = 4096  # PIPE_BUF of Linux


class Console:
    """Writes lines. Use it from one thread at a time.

    Args:
        fd: the descriptor whose file is written to.
    """

    def __init__(self, fd: int = STDERR) -> None:
        self._target = fd
        self._fd: int | None = None
        self._mode = 0
        self._blocks = False
        self._line_start = b""
        self._pending = bytearray()
        self.lost = 0
        """Lines that were left out since the last that was written."""
        self._open()

    def write(self, line: str) -> None:
        """Write a line, or keep it, or count it as lost. Raises nothing and does not wait."""
        if self._fd is None:  # `logging.shutdown` closes all handlers, and the program may go on
            self._open()
        data = self._line_start + line.encode("utf-8", "backslashreplace") + b"\n"
        if not self.flush():
            if len(self._pending) + len(data) <= MAX_PENDING_BYTES:
                self._pending += data
            else:
                self.lost += 1
            return
        if self.lost:
            note = f"({self.lost} lines of the log are missing here: the console was not read)\n"
            data = note.encode() + data
            self.lost = 0
        self._pending += data
        self.flush()

    def close(self) -> None:
        """Close the descriptor of our own."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _open(self) -> None:
        self.close()
        try:
            self._mode = os.fstat(self._target).st_mode
        except OSError:  # closed: there is no console
            return
        fd = None
        if stat.S_ISFIFO(self._mode) or stat.S_ISCHR(self._mode):
            # Not allowed if another user opened it: then it is duplicated.
            with contextlib.suppress(OSError):
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                fd = os.open(f"/proc/self/fd/{self._target}", flags)
        self._blocks = fd is None and not stat.S_ISREG(self._mode)
        self._fd = _high(self._target if fd is None else fd)
        on_terminal = self._fd is not None and os.isatty(self._fd)
        self._line_start = _LINE_START if on_terminal else b""
        if fd is not None:
            os.close(fd)

    def flush(self) -> bool:
        """Write what waits, as far as it is taken now; return whether nothing is left."""
        while self._pending:
            try:
                sent = self._send(bytes(self._pending[:_PIECE_BYTES]))
            except BlockingIOError:
                return False
            except OSError:  # nobody reads any more, or a full disk: it is not to be had back
                self._pending.clear()
                self._open()
                return True
            if not sent:
                return False
            del self._pending[:sent]
        return True

    def _send(self, piece: bytes) -> int:
        """Return how many bytes were taken at once.

        Raises:
            OSError: the console is gone; `BlockingIOError`: it takes nothing now.
        """
        if self._fd is None:
            return len(piece)
        if stat.S_ISSOCK(self._mode):
            with socket.socket(fileno=os.dup(self._fd)) as sock:
                return sock.send(piece, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        if self._blocks:
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            if not poll.poll(0):
                return 0
        return os.write(self._fd, piece)


class ConsoleHandler(logging.Handler):
    """Sends the records of a logger to the console."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        self._console.write(self.format(record))

    def close(self) -> None:
        """Close the console's descriptor."""
        self._console.close()
        super().close()


def write_line(line: str) -> None:
    """Write one line to the console as it is now."""
    console = Console()
    console.write(line)
    console.close()


def _high(fd: int) -> int | None:
    """Return a duplicate with a high number, or any; None if there is no number left."""
    for lowest in (_LOWEST_FD, 3):  # the limit of open files may be lower
        with contextlib.suppress(OSError):
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
    return None
