"""Writes to a terminal, or to a file or pipe in a terminal's place."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
import unicodedata
from collections.abc import Callable
from typing import TextIO

from dubhe_simulator.errors import Stopped

REDRAW_EVERY_S = 0.1
CLEAR_LINE = "\r\x1b[K"


class Screen:
    """Lines that stay, and on a terminal one line at the bottom that changes.

    Args:
        out: where to write.
        clock: seconds; for tests.
    """

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._bottom = False  # whether a changing line is shown
        self._drawn_at = -REDRAW_EVERY_S
        self._gone = False
        self.live = out.isatty() and os.environ.get("TERM") != "dumb"
        self.unicode = (out.encoding or "").lower().replace("-", "") in ("utf8", "gb18030")

    def line(self, text: str = "") -> None:
        """Write a line that stays."""
        self._write((CLEAR_LINE if self._bottom else "") + text + "\n")
        self._bottom = False

    def bottom(self, text: str) -> None:
        """Show a line until the next one is written; not oftener than an eye can follow."""
        if not self.live or self._clock() - self._drawn_at < REDRAW_EVERY_S:
            return
        self._drawn_at = self._clock()
        self._bottom = True
        self._write(CLEAR_LINE + fit(text, shutil.get_terminal_size().columns - 1))

    def clear(self) -> None:
        """Take the line away that changes."""
        if self._bottom:
            self._bottom = False
            self._write(CLEAR_LINE)

    def _write(self, text: str) -> None:
        if self._gone:
            return
        encoding = self._out.encoding or "utf-8"
        try:
            self._out.write(text.encode(encoding, "replace").decode(encoding))
            self._out.flush()
        except OSError as error:
            # The terminal was closed, or the reader of the pipe (`| head`) has seen enough.
            self._gone = True
            self._forget_unwritten()
            raise Stopped(signal.SIGPIPE) from error

    def _forget_unwritten(self) -> None:
        """Let what is still buffered go nowhere: Python writes it at its end, and would fail.

        As the note on SIGPIPE in the documentation of Python's `signal` advises.
        """
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._out.fileno())
            os.close(nowhere)


def width(text: str) -> int:
    """Return how many columns a text takes; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def fit(text: str, columns: int) -> str:
    """Return the text, cut off at so many columns."""
    taken = 0
    for index, char in enumerate(text):
        taken += width(char)
        if taken > columns:
            return text[:index]
    return text


def pad(text: str, columns: int) -> str:
    """Return the text with blanks up to so many columns."""
    return text + " " * max(0, columns - width(text))
