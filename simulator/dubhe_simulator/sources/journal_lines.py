"""The lines of an embedded journal, read while it is written, with their positions.

The journal is a directory of files named by the offset of their first record, 20 digits and
``.jsonl``; each line is one record. A line that lacks its newline is still being written, or will
be cut off when the writer's successor comes; so it is read again from its beginning each time. A
new file means that the one before it is complete.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20
# A folder's time counts in ticks of its file system's clock, which may be another machine's: what
# changes shortly after another change may leave the same time.
SAME_TIME_NS = 2_000_000_000


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        text: its bytes without the newline.
        file: the file's name.
        end: offset in the file of what follows it.
        whole: False for the end of a file that lacks its newline although a next file exists.
    """

    text: bytes
    file: str
    end: int
    whole: bool = True


class JournalLines:
    """Follows a journal; the directory may not exist yet.

    Args:
        directory: the journal's folder.
        file: the name of the file to begin in; empty for the first one.
        at: where to begin in it.
    """

    def __init__(self, directory: Path, file: str = "", at: int = 0) -> None:
        self._directory = directory
        self._file = file
        self._at = at
        self._listed_ns = -1  # the folder's time when it was listed; -1 if that was too recent

    @property
    def position(self) -> tuple[str, int]:
        """File and offset behind the last line given out."""
        return self._file, self._at

    def read(self) -> Iterator[Line]:
        """Yield the lines that are there by now.

        Raises:
            OSError: a file cannot be read.
        """
        if self._is_unchanged():  # most of many journals, most of the time
            return
        while True:
            # Looked up before reading: what the current file still gets, it gets before the
            # next one appears.
            following = self._following()
            rest = b""
            if self._file:
                rest = yield from self._read_current()
            if following is None:
                return
            if rest:
                self._at += len(rest)
                yield Line(rest, self._file, self._at, whole=False)
            self._file, self._at = following, 0

    def _is_unchanged(self) -> bool:
        """Whether there is neither another file nor more in this one; without opening any."""
        try:
            if self._listed_ns != self._directory.stat().st_mtime_ns:
                return False
            return (self._directory / self._file).stat().st_size == self._at
        except OSError:
            return False  # `read` finds out

    def _following(self) -> str | None:
        try:
            changed_ns = self._directory.stat().st_mtime_ns
            recent = time.time_ns() - changed_ns < SAME_TIME_NS
            self._listed_ns = -1 if recent else changed_ns
            names = [name for name in os.listdir(self._directory) if name.endswith(".jsonl")]
        except FileNotFoundError:
            return None
        return min((name for name in names if name > self._file), default=None)

    def _read_current(self) -> Generator[Line, None, bytes]:
        """Yield whole lines; return what follows the last one."""
        try:
            file = (self._directory / self._file).open("rb")
        except FileNotFoundError:
            return b""  # deleted meanwhile: the oldest files are
        with file:
            if os.fstat(file.fileno()).st_size < self._at:  # another journal under the same name
                self._at = 0
            file.seek(self._at)
            rest = b""
            while chunk := file.read(CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for text in lines:
                    self._at += len(text) + 1
                    yield Line(text, self._file, self._at)
            return rest
