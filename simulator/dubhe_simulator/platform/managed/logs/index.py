"""The lines of a log by number, also across rotation, each at the same small cost.

Files that rotation renames are followed by their inode. Lines of files that it deletes can no
longer be shown; the others keep their numbers. Where only a level and above is shown, a line has a
rank among those; it keeps that, too, as the oldest files are deleted.
"""

from __future__ import annotations

import contextlib
import os
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.managed.logs.formats import DEBUG, HEAD, LEVELS, LineFormat

BACKUPS = 14
BLOCK = 1024 * 1024
TAIL = 64  # bytes by which a file is recognised
LONGEST_LINE = 64 * 1024
"""Bytes of a line that are shown."""


class IndexedFile:
    """The index of one file, found by its inode.

    Attributes:
        first: the number of its first line.
        starts: where each line begins, in bytes.
        levels: of each line, places in `LEVELS`.
        end: where the last line ends.
        open: whether the last line has no end yet; it then changes.
        emptied: how often it has been emptied: what was known of its lines is then void.
    """

    def __init__(self, inode: int, first: int) -> None:
        self.inode = inode
        self.first = first
        self.emptied = 0
        self.reset()

    def reset(self) -> None:
        """It is empty."""
        self.end = 0
        self.starts: array[int] = array("Q")
        self.levels = bytearray()
        self.open = False
        self._head = b""  # of a line whose end was not written yet
        self._begin = 0  # where that line begins
        self._context = 0
        self._tail = b""  # before `end`
        self._shown: dict[int, tuple[int, array[int]]] = {}

    @property
    def closed(self) -> int:
        """How many lines will not change any more."""
        return len(self.starts) - self.open

    def extend(self, stream: BinaryIO, format_: LineFormat) -> bool:
        """Take in what was written since; return whether the file had been emptied before."""
        end = stream.seek(0, os.SEEK_END)
        emptied = end < self.end or (end > self.end and not self._goes_on(stream))
        if emptied:
            self.first += len(self.starts)
            self.emptied += 1
            self.reset()
        if end == self.end:
            return emptied
        if self.open:
            self.starts.pop()
            self.levels.pop()
            self.open = False
        stream.seek(self.end)
        while self.end < end and (block := stream.read(min(BLOCK, end - self.end))):
            self._take(block, format_)
        if format_.unfinished and self._begin < self.end:
            [level], _ = format_.levels([self._head], self._context)
            self.starts.append(self._begin)
            self.levels.append(level or 0)
            self.open = True
        return emptied

    def _take(self, block: bytes, format_: LineFormat) -> None:
        lines = block.split(b"\n")
        rest = lines.pop()
        if lines:
            # Sums of lengths are found much faster than ends of lines one by one.
            first = self.end + len(lines[0]) + 1
            begins = [self._begin, *accumulate((len(x) + 1 for x in lines[1:]), initial=first)]
            self._begin = begins.pop()
            lines[0] = self._head + lines[0]
            self._head = b""
            levels, self._context = format_.levels(lines, self._context)
            if None in levels:
                kept = [place for place, level in enumerate(levels) if level is not None]
                begins, levels = [begins[i] for i in kept], [levels[i] for i in kept]
            self.starts.extend(begins)
            self.levels.extend(level for level in levels if level is not None)
        self._head = (self._head + rest[:HEAD])[:HEAD]
        self.end += len(block)
        self._tail = (self._tail + block[-TAIL:])[-TAIL:]

    def _goes_on(self, stream: BinaryIO) -> bool:
        """Return whether what was read is still there: a file may be written anew, and longer."""
        stream.seek(self.end - len(self._tail))
        return stream.read(len(self._tail)) == self._tail

    def last_byte(self, place: int, *, unfinished: bool) -> int:
        """Return where a line ends; one whose end is missing may not count."""
        if place + 1 < len(self.starts):
            return self.starts[place + 1]
        return self.end if unfinished else self._begin

    def shown(self, lowest: int) -> range | array[int]:
        """Return the places of lines of a level and above."""
        if lowest == DEBUG:
            return range(len(self.starts))
        done, places = self._shown.get(lowest, (0, array("I")))
        closed = self.closed
        if done < closed:
            levels = self.levels
            places.extend(at for at in range(done, closed) if levels[at] >= lowest)
            self._shown[lowest] = closed, places
        if self.open and self.levels[-1] >= lowest:
            return places + array("I", [closed])
        return places

    def rank(self, place: int, lowest: int) -> int:
        """Return how many lines that count precede a line of this file."""
        return place if lowest == DEBUG else bisect_left(self.shown(lowest), place)

    def place(self, rank: int, lowest: int) -> int:
        """Return where the line with a rank is, or would be before or behind those here."""
        shown = self.shown(lowest)
        if not 0 <= rank < len(shown):
            return 0 if rank < 0 else len(self.starts)
        return shown[rank]


class LogFile:
    """Reads a log and what rotation made of it.

    Args:
        path: of the current file; it need not exist yet.
        format_: of its lines.
        backups: how many files rotation keeps beside it.
    """

    def __init__(self, path: Path, format_: LineFormat, backups: int = 0) -> None:
        self.path = path
        self.format = format_
        self._backups = backups
        self._files: list[IndexedFile] = []  # oldest first
        self._gone = [0] * len(LEVELS)  # lines of each level that can no longer be read
        self._lock = threading.Lock()

    def total(self) -> int:
        """Return how many lines there have been; looks for new ones."""
        with self.reading():
            return self._count()

    def lines(self, at: int | None, limit: int, lowest: int = DEBUG) -> dict[str, Any]:
        """Return lines in ascending order.

        Args:
            at: the rank of the first one wanted; None for the last ones.
            limit: how many at most.
            lowest: the lowest level that counts, a place in `LEVELS`.

        Returns:
            ``lines``; ``at``, the rank of the first of them; ``begin`` and ``end``, the first rank
            that can still be read, and one past the last.
        """
        with self.reading() as files:
            ranges = self.ranks(files, lowest)
            begin = ranges[0][2] if ranges else self._rank_end(lowest)
            end = self._rank_end(lowest)
            first = max(begin, end - limit if at is None else at)
            found: list[dict[str, Any]] = []
            for file, stream, rank in ranges:
                shown = file.shown(lowest)
                low, high = max(0, first - rank), min(len(shown), first + limit - rank)
                found += [self._line(file, stream, shown[i]) for i in range(low, high)]
            return {"begin": begin, "end": end, "at": first, "lines": found}

    def contents(self) -> Iterator[bytes]:
        """Yield the bytes of all files as of now, the oldest first."""
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(self._open())
            for stream in opened:
                left = os.fstat(stream.fileno()).st_size
                while left > 0 and (block := stream.read(min(BLOCK, left))):
                    left -= len(block)
                    yield block

    @contextlib.contextmanager
    def reading(self) -> Iterator[list[tuple[IndexedFile, BinaryIO]]]:
        """Look for new lines; yield each file with its stream, oldest first. One at a time."""
        with self._lock, self._open() as opened:
            yield self._refresh(opened)

    def ranks(
        self, files: list[tuple[IndexedFile, BinaryIO]], lowest: int
    ) -> list[tuple[IndexedFile, BinaryIO, int]]:
        """Return each file with the rank of its first line that counts."""
        rank, found = sum(self._gone[lowest:]), []
        for file, stream in files:
            found.append((file, stream, rank))
            rank += len(file.shown(lowest))
        return found

    def _rank_end(self, lowest: int) -> int:
        return sum(self._gone[lowest:]) + sum(len(file.shown(lowest)) for file in self._files)

    def _count(self) -> int:
        return self._files[-1].first + len(self._files[-1].starts) if self._files else 0

    def _refresh(self, opened: list[BinaryIO]) -> list[tuple[IndexedFile, BinaryIO]]:
        """Take in new files and new lines; return each file with its stream, oldest first."""
        pairs: list[tuple[IndexedFile | None, BinaryIO]] = []
        known = self._files
        newest_known = -1
        for stream in opened:
            # A file system may give the inode of a deleted file to a new one at once. Rotation
            # keeps the order, so a file that is known is never behind one that was newer.
            inode = os.fstat(stream.fileno()).st_ino
            at = next((i for i, file in enumerate(known) if file.inode == inode), None)
            if at is None:
                pairs.append((None, stream))
            else:
                newest_known = len(pairs)
                pairs.append((known[at], stream))
                known = known[at + 1 :]
        found: list[tuple[IndexedFile, BinaryIO]] = []
        for index, (file, stream) in enumerate(pairs):
            if file is None:
                if index < newest_known:
                    continue  # a copy that somebody made of a file whose lines are known
                inode = os.fstat(stream.fileno()).st_ino
                file = IndexedFile(inode, self._count())
                self._files.append(file)
            self._extend(file, stream)
            found.append((file, stream))
        there = {id(file) for file, _ in found}
        for file in self._files:
            if id(file) not in there:
                self._leave(file.levels)
        # What is deleted goes; an empty one stays for the number of lines.
        kept = [file for file, _ in found]
        if not kept and self._files:
            kept = [IndexedFile(-1, self._count())]
        self._files = kept
        return found

    def _extend(self, file: IndexedFile, stream: BinaryIO) -> None:
        levels = file.levels
        with contextlib.suppress(OSError):
            if file.extend(stream, self.format):
                self._leave(levels)

    def _leave(self, levels: bytearray) -> None:
        for level in range(len(LEVELS)):
            self._gone[level] += levels.count(level)

    @contextlib.contextmanager
    def _open(self) -> Iterator[list[BinaryIO]]:
        """Open the files that exist; yield them oldest first.

        They are opened once for a whole look, since their names change under a reader at any time:
        what is opened by name a moment later may be the next file. The newest is opened first: a
        rotation meanwhile moves every file to where it is still looked for, so that none is missed
        but one that is newer than all of them, which the next look finds.
        """
        with contextlib.ExitStack() as stack:
            found: dict[int, BinaryIO] = {}
            names = [f"{self.path.name}.{number}" for number in range(1, self._backups + 1)]
            for name in (self.path.name, *names):
                with contextlib.suppress(OSError):
                    stream = stack.enter_context(self.path.with_name(name).open("rb"))
                    inode = os.fstat(stream.fileno()).st_ino
                    found.pop(inode, None)  # seen before it was moved: where it is now counts
                    found[inode] = stream
            yield list(reversed(found.values()))

    def _line(self, file: IndexedFile, stream: BinaryIO, place: int) -> dict[str, Any]:
        try:
            time, text = self.format.parse(self.read(file, stream, place))
        except OSError as error:
            # The disk does not give it back. Its place is kept: those behind have their ranks.
            time, text = "", translate("ui_no_line", error=error)
        level = LEVELS[file.levels[place]]
        return {"n": file.first + place, "time": time, "level": level, "text": text}

    def read(self, file: IndexedFile, stream: BinaryIO, place: int) -> bytes:
        """Return a line; of a longer one `LONGEST_LINE` bytes and how many are left out.

        A long line is a progress bar, as a rule, whose last state alone is seen.
        """
        start = file.starts[place]
        end = file.last_byte(place, unfinished=self.format.unfinished)
        stream.seek(start)
        if end - start <= LONGEST_LINE:
            return stream.read(end - start)
        left_out = f" … ({end - start - LONGEST_LINE} bytes more)".encode()
        raw = stream.read(LONGEST_LINE)
        stream.seek(end - LONGEST_LINE)
        last = stream.read(LONGEST_LINE)
        return last if b"\r" in last.rstrip(b"\r\n") else raw + left_out
