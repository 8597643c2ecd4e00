"""Records that the destination permanently refuses, with the reason: ``dead-letters.jsonl``.

The file is bounded: when it would exceed half of the bound it becomes ``dead-letters.1.jsonl``, and
the one of that name before it is deleted. So the newest are kept, and what was deleted is counted.
"""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from dubhe_sidecar.record import OutgoingRecord

NAME = "dead-letters.jsonl"
OLDER_NAME = "dead-letters.1.jsonl"
MAX_BYTES = 64 * 1024 * 1024
"""Default of ``DUBHE_DEAD_LETTERS_MAX_BYTES``."""

log = logging.getLogger("dubhe_sidecar")


class DeadLetters:
    """The dead letters of one spool.

    Each line is ``{"time", "reason", "stream", "seq", "topic", "key", "headers", "value"}``; the
    value is the message's text. Damaged or incomplete lines are skipped.

    Args:
        directory: the spool's directory.
        max_bytes: bytes that both files take together; one that is larger than half of it is kept
            alone.
    """

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = directory / NAME
        self.discarded = 0
        """Dead letters that were deleted to make room, since this object was made."""
        self._directory = directory
        self._older = directory / OLDER_NAME
        self._max_bytes = max_bytes
        self._written = {(entry["stream"], entry["seq"]) for entry in _entries(directory)}

    def add(self, record: OutgoingRecord, reason: str, now_ms: int) -> None:
        """Append a record, durably; once, even if it is rejected again after a crash.

        Raises:
            OSError: it cannot be written.
        """
        identity = (record.stream, record.seq)
        if identity in self._written:
            return
        entry = {
            "time": now_ms,
            "reason": reason,
            "stream": record.stream,
            "seq": record.seq,
            "topic": record.topic,
            "key": record.key.decode("utf-8", "replace"),
            "headers": {name: value.decode("utf-8", "replace") for name, value in record.headers},
            "value": record.value.decode("utf-8", "replace"),
        }
        # A line break first, in case the file ends with an incomplete line.
        line = f"\n{json.dumps(entry, ensure_ascii=False)}\n".encode("utf-8", "replace")
        self._make_room(len(line))
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(fd).st_size
            try:
                data = line
                while data:
                    data = data[os.write(fd, data) :]
            except OSError:
                os.ftruncate(fd, size)  # else each new attempt would use up more of the disk
                raise
            os.fsync(fd)
        finally:
            os.close(fd)
        self._written.add(identity)

    def _make_room(self, size: int) -> None:
        """Begin a new file if this one would exceed its half of the bound."""
        try:
            present = self.path.stat().st_size
        except FileNotFoundError:
            return
        if not present or present + size <= self._max_bytes // 2:
            return
        gone = [(entry["stream"], entry["seq"]) for entry in _read(self._older)]
        self.path.replace(self._older)
        self._written.difference_update(gone)
        self.discarded += len(gone)
        if gone:
            log.warning(
                "%d older dead letters were deleted: they may take %d bytes "
                "(DUBHE_DEAD_LETTERS_MAX_BYTES)",
                *(len(gone), self._max_bytes),
            )


def read(directory: Path, last: int | None = None) -> list[dict[str, object]]:
    """Return the dead letters of a spool, the oldest first.

    Args:
        directory: the spool's directory.
        last: how many of the newest; None: all.
    """
    return list(deque(_entries(directory), maxlen=last))


def _entries(directory: Path) -> Iterator[dict[str, object]]:
    yield from _read(directory / OLDER_NAME)
    yield from _read(directory / NAME)


def _read(path: Path) -> Iterator[dict[str, object]]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:  # bytes end at a line feed alone: values may hold U+2028
            try:
                entry = json.loads(line.decode("utf-8", "replace"))
            except ValueError:
                continue
            if isinstance(entry, dict) and {"stream", "seq", "reason"} <= entry.keys():
                yield entry
