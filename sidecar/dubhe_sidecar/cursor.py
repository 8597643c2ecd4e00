"""`Cursor`: how far each stream has been delivered. One JSON file, written in one step.

It is written to a file beside, synced, and renamed over the old one, so a crash leaves the old or
the new one, whole. It holds the sink's state as well: both belong to the same outcomes.

A full disk must not keep it from being written, since only then can anything be deleted: the old
file becomes the next one to write to, and keeps its blocks for that.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dubhe_sidecar.sinks.base import SinkError

NAME = "cursor.json"
VERSION = 1
# The file's size is a multiple of this, so that it seldom needs more room than before.
_UNIT = 16 * 1024


@dataclass
class StreamCursor:
    """Where a stream stands."""

    segment: int
    offset: int
    seq: int = 0
    """Number of the last record whose outcome is known."""
    task_open: bool = False
    """A START was delivered and its END not yet."""
    finished: bool = False
    """All of it is delivered and its writer is gone: its files may be deleted."""


@dataclass
class Totals:
    """Counts since the spool was made."""

    delivered: int = 0
    delivered_bytes: int = 0
    rejected: int = 0
    dropped: int = 0
    skipped_bytes: int = 0
    skipped_places: int = 0


@dataclass
class Cursor:
    """All streams' positions, the sink's state, and what was counted."""

    streams: dict[str, StreamCursor] = field(default_factory=dict)
    sink: dict[str, Any] | None = None
    sink_name: str = ""
    totals: Totals = field(default_factory=Totals)

    def save(self, directory: Path) -> None:
        """Write the cursor, durably.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps({"version": VERSION, **asdict(self)}, separators=(",", ":"))
        path, spare, old = (directory / name for name in (NAME, f".{NAME}.new", f".{NAME}.old"))
        _overwrite(spare, text.encode() + b" " * (-len(text) % _UNIT))
        with contextlib.suppress(OSError):  # no hard links here: then its blocks are let go
            old.unlink(missing_ok=True)
            old.hardlink_to(path)
        spare.rename(path)
        with contextlib.suppress(FileNotFoundError):
            old.rename(spare)
        _sync_directory(directory)


def load(directory: Path) -> Cursor:
    """Return the spool's cursor; an empty one if it has none yet.

    Raises:
        SinkError: there is one, but it cannot be understood.
    """
    path = directory / NAME
    try:
        value = json.loads(path.read_text("utf-8"))
        if value.pop("version") != VERSION:
            raise ValueError("it is of another version")
        return Cursor(
            streams={name: StreamCursor(**entry) for name, entry in value["streams"].items()},
            sink=value["sink"],
            sink_name=value["sink_name"],
            totals=Totals(**value["totals"]),
        )
    except FileNotFoundError:
        return Cursor()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SinkError(
            f"the cursor {path} cannot be read: {error}. If it is lost for good, delete it: "
            "everything in the spool is then delivered again"
        ) from None


def _overwrite(path: Path, data: bytes) -> None:
    """Write a file durably, into the blocks that it has."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        written = 0
        while written < len(data):
            written += os.write(fd, data[written:])
        os.ftruncate(fd, len(data))
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
