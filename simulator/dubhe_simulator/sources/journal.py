"""Messages from an instance's embedded journal, read while it is written."""

from __future__ import annotations

import json
import time
from pathlib import Path

from dubhe_simulator.contract.message import Message
from dubhe_simulator.sources.base import SourceBroken
from dubhe_simulator.sources.journal_lines import JournalLines, Line

POLL_INTERVAL_S = 0.05


class JournalSource:
    """Follows a journal from its beginning; the directory may not exist yet."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lines = JournalLines(directory)

    def poll(self, timeout: float) -> list[Message]:
        """See `Source.poll`."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.drain()
            left = deadline - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(POLL_INTERVAL_S, left))

    def drain(self) -> list[Message]:
        """See `Source.drain`."""
        try:
            return [self._message(line) for line in self._lines.read()]
        except OSError as error:
            raise SourceBroken(f"{self._directory}: {error}") from error

    def close(self) -> None:
        """Nothing is held open."""

    def _message(self, line: Line) -> Message:
        path = self._directory / line.file
        if not line.whole:
            raise SourceBroken(f"{path} ends in half a line: {line.text[:200]!r}")
        try:
            record = json.loads(line.text)
            return Message(
                topic=record["topic"],
                timestamp_ms=record["timestamp"],
                headers=record["headers"],
                value=record["value"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SourceBroken(f"{path}: not a record: {line.text[:200]!r}") from error
