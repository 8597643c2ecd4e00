"""Messages from an instance's embedded journal, read while it is written.

The journal is a directory of files named by the offset of their first record, 20 digits and
``.jsonl``; each line is one record. A line that lacks its newline is still being written. A new
file means that the one before it is complete.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import IO

from dubhe_simulator.message import Message
from dubhe_simulator.sources.base import SourceBroken

LOOK_EVERY_S = 0.05
CHUNK = 1 << 20


class JournalSource:
    """Follows a journal from its beginning; the directory may not exist yet."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: IO[bytes] | None = None
        self._current: Path | None = None
        self._rest = b""  # of a line still being written

    def poll(self, timeout: float) -> list[Message]:
        """See `Source.poll`."""
        deadline = time.monotonic() + timeout
        while True:
            found = self._read()
            left = deadline - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(LOOK_EVERY_S, left))

    def drain(self) -> list[Message]:
        """See `Source.drain`."""
        return self._read()

    def close(self) -> None:
        """See `Source.close`."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> list[Message]:
        found: list[Message] = []
        while True:
            # Looked up before reading: what the current file still gets, it gets before the
            # next one appears.
            following = self._following()
            found += self._read_current()
            if following is None:
                return found
            if self._rest:
                raise SourceBroken(f"{self._current} ends in half a line: {self._rest[:200]!r}")
            self._open(following)

    def _following(self) -> Path | None:
        name = self._current.name if self._current else ""
        later = [p for p in self._directory.glob("*.jsonl") if p.name > name]
        return min(later, default=None)

    def _open(self, path: Path) -> None:
        self.close()
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise SourceBroken(f"{path}: {error}") from error
        self._current = path

    def _read_current(self) -> list[Message]:
        found: list[Message] = []
        while self._file is not None and (chunk := self._file.read(CHUNK)):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            found += [self._message(line) for line in lines]
        return found

    def _message(self, line: bytes) -> Message:
        try:
            record = json.loads(line)
            return Message(
                topic=record["topic"],
                timestamp_ms=record["timestamp"],
                headers=record["headers"],
                value=record["value"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SourceBroken(f"{self._current}: not a record: {line[:200]!r}") from error
