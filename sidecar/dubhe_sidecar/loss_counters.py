"""`LossCounters`: counts and logs what a spool has lost: dropped, damaged or missing records."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dubhe_sdk.spool import segment
from dubhe_sidecar.cursor import StreamCursor, Totals
from dubhe_sidecar.record import Position

T = TypeVar("T")

log = logging.getLogger("dubhe_sidecar")


class LossCounters:
    """Adds to the totals as the cursor advances.

    Args:
        directory: the spool's directory.
        totals: what is added to.
    """

    def __init__(self, directory: Path, totals: Totals) -> None:
        self._directory = directory
        self._totals = totals

    def count_missing(self, stream: str, expected: int, found: int) -> None:
        """Count records that are not in the spool: a stream's numbers have no gaps."""
        if found > expected:
            self._totals.missing += found - expected
            log.error(
                "%d records of stream %s are missing in the spool, numbers %d to %d: their segment "
                "was damaged or removed",
                *(found - expected, stream, expected, found - 1),
            )

    def count_dropped(self, stream: str, first: int, behind: int) -> None:
        """Count what the writer had to drop while segments ``first … behind - 1`` were its last."""
        for number in range(first, behind):
            path = self._directory / segment.file_name(stream, number)
            count = dropped_in(path)
            if count is None:
                log.error("the count of dropped records in %s is damaged", path)
            self._totals.dropped += count or 0

    def count_skipped(self, stream: str, entry: StreamCursor, end: Position) -> None:
        """Count the bytes between the cursor and ``end`` that are not frames."""
        count = 0
        for number in range(entry.segment, end.segment + 1):
            path = self._directory / segment.file_name(stream, number)
            begin = entry.offset if number == entry.segment else 0
            behind = end.offset if number == end.segment else size_of(path)
            count += max(0, behind - (begin or _with_file(path, _first_offset)))
        self._totals.skipped_bytes += count
        self._totals.skipped_places += count > 0
        if count:
            log.error("%d damaged bytes in stream %s were skipped", count, stream)


def dropped_in(path: Path) -> int | None:
    """Return the count of dropped records in a segment's header.

    0 if the file does not exist, None if the count is damaged.
    """
    return _with_file(path, segment.read_dropped)


def size_of(path: Path) -> int:
    """Return a file's size in bytes; 0 if it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _first_offset(fd: int) -> int:
    try:
        return segment.read_description(fd)[1]
    except segment.BadSegment:
        return 0  # the header is damaged too


def _with_file(path: Path, read: Callable[[int], T]) -> T | int:
    try:
        with path.open("rb") as file:
            return read(file.fileno())
    except OSError:
        return 0
