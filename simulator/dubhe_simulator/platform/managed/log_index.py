"""The SDK's log of an instance: its lines by number, also across rotation.

A line is a record of the log with everything that follows it up to the next one, so a traceback
belongs to its line. Records are text, or JSON (``DUBHE_LOG_FORMAT=json``); a file may hold both.
Files that rotation renames are followed by their inode; what it deletes can no longer be shown,
but keeps its numbers.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_HEAD = re.compile(
    rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d+) (DEBUG|INFO|WARNING|ERROR|CRITICAL) (?:\d+ )?"
    rb'|\{"time":"([^"]{23})[^"]*","level":"(DEBUG|INFO|WARNING|ERROR|CRITICAL)","logger":'
)
_LEVEL = {b"DEBUG": 0, b"INFO": 1, b"WARNING": 2, b"ERROR": 3, b"CRITICAL": 3}
BACKUPS = 14


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
        with self._lock:
            self._refresh()
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
        with self._lock:
            self._refresh()
            lowest, needle = LEVELS.index(level), search.casefold()
            backwards = after is None
            found: list[dict[str, Any]] = []
            for line in self._walk(lowest, before, after, backwards):
                if not needle or needle in line["text"].casefold():
                    found.append(line)
                    if len(found) == limit:
                        break
            return {"total": self._count(), "lines": found[::-1] if backwards else found}

    def _count(self) -> int:
        return self._files[-1].first + len(self._files[-1].starts) if self._files else 0

    def _refresh(self) -> None:
        on_disk = self._on_disk()
        known = {file.inode for file in self._files}
        for inode, path in on_disk:
            if inode not in known:
                self._files.append(_File(inode, self._count()))
            file = next(f for f in self._files if f.inode == inode)
            if file is self._files[-1] or inode in known:
                self._index(file, path)

    def _on_disk(self) -> list[tuple[int, Path]]:
        """Return inodes and paths, oldest first."""
        names = [self._path.with_name(f"{self._path.name}.{n}") for n in range(BACKUPS, 0, -1)]
        found = []
        for path in (*names, self._path):
            with contextlib.suppress(OSError):
                found.append((path.stat().st_ino, path))
        return found

    def _index(self, file: _File, path: Path) -> None:
        """Take in the whole lines behind what is indexed. Only the newest file gets new ones."""
        with contextlib.suppress(OSError), path.open("rb") as stream:
            stream.seek(0, 2)
            if stream.tell() < file.size:  # emptied by somebody
                file.first += len(file.starts)
                file.size, file.starts, file.levels = 0, array("Q"), bytearray()
            if stream.tell() == file.size:
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
        self, lowest: int, before: int | None, after: int | None, backwards: bool
    ) -> Iterator[dict[str, Any]]:
        paths = dict(self._on_disk())
        for file in reversed(self._files) if backwards else self._files:
            first = max(0, 0 if after is None else after + 1 - file.first)
            last = len(file.starts)
            last = last if before is None else min(last, before - file.first)
            if first >= last or file.inode not in paths:
                continue
            with contextlib.suppress(OSError), paths[file.inode].open("rb") as stream:
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
        return {"n": file.first + number, "time": time, "level": level, "text": text}


def _text_of_json(text: str) -> str:
    """Return what a JSON record says: its message, its traceback, and what follows its line."""
    line, end, rest = text.partition("\n")
    try:
        record = json.loads(line)
        said = str(record["message"])
        traceback = record["fields"].get("traceback")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text  # cut off, or another program's
    return said + (f"\n{traceback}" if traceback else "") + end + rest
