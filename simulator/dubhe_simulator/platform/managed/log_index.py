"""The SDK's log of an instance: its lines by number, also across rotation.

A line is a record of the log with everything that follows it up to the next one, so a traceback
belongs to its line. Records are text, or JSON (``DUBHE_LOG_FORMAT=json``); a file may hold both.
Files that rotation renames are followed by their inode. Lines of files that it deletes can no
longer be shown; the others keep their numbers. Escape sequences are left out, and lines that were
written over.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_HEAD = re.compile(
    rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d+) (DEBUG|INFO|WARNING|ERROR|CRITICAL) (?:\d+ )?"
    rb'|\{"time":"([^"]{23})[^"]*","level":"(DEBUG|INFO|WARNING|ERROR|CRITICAL)","logger":'
)
_LEVEL = {b"DEBUG": 0, b"INFO": 1, b"WARNING": 2, b"ERROR": 3, b"CRITICAL": 3}
BACKUPS = 14
# Control sequences of terminals (ECMA-48): colours and cursor; titles and links; the short ones.
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])"
)


class _File:
    """The index of one file, found by its inode."""

    def __init__(self, inode: int, first: int) -> None:
        self.inode = inode
        self.first = first  # number of its first line
        self.size = 0  # bytes indexed, whole lines only
        self.starts: array[int] = array("Q")
        self.levels = bytearray()


class LogFile:
    """Reads ``dubhe.log`` and what rotation made of it.

    Args:
        path: of the current file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: list[_File] = []  # oldest first
        self._lock = threading.Lock()

    def total(self) -> int:
        """Return how many lines there have been; looks for new ones."""
        with self._lock, self._open() as opened:
            self._refresh(opened)
            return self._count()

    def lines(
        self, search: str, level: str, before: int | None, after: int | None, limit: int
    ) -> dict[str, Any]:
        """Return lines in ascending order.

        Args:
            search: text that must occur, whatever its case; empty for all.
            level: the lowest level wanted.
            before: only lines below this number, the last ones of them.
            after: only lines above this number, the first ones of them.
            limit: how many at most.
        """
        with self._lock, self._open() as opened:
            pairs = self._refresh(opened)
            lowest, needle = LEVELS.index(level), search.casefold()
            backwards = after is None
            found: list[dict[str, Any]] = []
            for line in self._walk(pairs, lowest, before, after, backwards):
                if not needle or needle in line["text"].casefold():
                    found.append(line)
                    if len(found) == limit:
                        break
            return {"total": self._count(), "lines": found[::-1] if backwards else found}

    def _count(self) -> int:
        return self._files[-1].first + len(self._files[-1].starts) if self._files else 0

    def _refresh(self, opened: list[BinaryIO]) -> list[tuple[_File, BinaryIO]]:
        """Take in new files and new lines; return each file with its stream, oldest first.

        Args:
            opened: the files that exist, oldest first.
        """
        pairs: list[tuple[_File | None, BinaryIO]] = []
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
        found: list[tuple[_File, BinaryIO]] = []
        for index, (file, stream) in enumerate(pairs):
            if file is None:
                if index < newest_known:
                    continue  # a copy that somebody made of a file whose lines are known
                inode = os.fstat(stream.fileno()).st_ino
                file = _File(inode, self._count())
                self._files.append(file)
            self._index(file, stream)
            found.append((file, stream))
        # What is deleted goes; the last one stays for the number of lines.
        self._files = [file for file, _ in found] or self._files[-1:]
        return found

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
            names = [f"{self._path.name}.{number}" for number in range(1, BACKUPS + 1)]
            for name in (self._path.name, *names):
                with contextlib.suppress(OSError):
                    stream = stack.enter_context(self._path.with_name(name).open("rb"))
                    inode = os.fstat(stream.fileno()).st_ino
                    found.pop(inode, None)  # seen before it was moved: where it is now counts
                    found[inode] = stream
            yield list(reversed(found.values()))

    def _index(self, file: _File, stream: BinaryIO) -> None:
        """Take in the whole lines behind what is indexed. Only the newest file gets new ones."""
        with contextlib.suppress(OSError):
            end = stream.seek(0, 2)
            if end < file.size:  # emptied by somebody
                file.first += len(file.starts)
                file.size, file.starts, file.levels = 0, array("Q"), bytearray()
            if end == file.size:
                return
            stream.seek(file.size)
            for raw in stream:
                if not raw.endswith(b"\n"):
                    break
                head = _HEAD.match(raw)
                if head is not None or not file.starts:
                    file.starts.append(file.size)
                    file.levels.append(_LEVEL[head[2] or head[4]] if head else 1)
                file.size += len(raw)

    def _walk(
        self,
        pairs: list[tuple[_File, BinaryIO]],
        lowest: int,
        before: int | None,
        after: int | None,
        backwards: bool,
    ) -> Iterator[dict[str, Any]]:
        for file, stream in reversed(pairs) if backwards else pairs:
            first = max(0, 0 if after is None else after + 1 - file.first)
            last = len(file.starts)
            last = last if before is None else min(last, before - file.first)
            with contextlib.suppress(OSError):
                numbers = range(first, last)
                for number in reversed(numbers) if backwards else numbers:
                    if file.levels[number] >= lowest:
                        yield self._line(file, stream, number)

    @staticmethod
    def _line(file: _File, stream: Any, number: int) -> dict[str, Any]:
        start = file.starts[number]
        end = file.starts[number + 1] if number + 1 < len(file.starts) else file.size
        stream.seek(start)
        raw = stream.read(end - start)
        head = _HEAD.match(raw)
        text = raw[head.end() if head and head[1] else 0 :].decode("utf-8", "replace").rstrip("\n")
        time = head[1].decode() if head and head[1] else ""
        if head and head[3]:
            time = head[3].decode().replace("T", " ").replace(".", ",")
            text = _text_of_json(text)
        level = LEVELS[file.levels[number]]
        return {"n": file.first + number, "time": time, "level": level, "text": _as_shown(text)}


def _as_shown(text: str) -> str:
    """Return what a terminal shows of a text, without colours: the last state of a progress bar."""
    if "\x1b" in text:
        text = _ESCAPE.sub("", text)
    if "\r" in text:
        lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
        text = "\n".join(lines)
    return text


def _text_of_json(text: str) -> str:
    """Return what a JSON record says: its message, its traceback, and what follows its line."""
    line, end, rest = text.partition("\n")
    try:
        record = json.loads(line)
        message = str(record["message"])
        traceback = record["fields"].get("traceback")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text  # cut off, or another program's
    return message + (f"\n{traceback}" if traceback else "") + end + rest
