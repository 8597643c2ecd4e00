"""`Cursor`: how far each stream has been delivered. One JSON file, written in one step.

It holds the sink's state as well: both belong to the same outcomes. A full disk must not keep it
from being written, since only then can anything be deleted; see `steadyfile`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dubhe_sidecar import atomic_file
from dubhe_sidecar.record import Position
from dubhe_sidecar.sinks.base import SinkError

NAME = "cursor.json"
VERSION = 1
# The file's size is a multiple of this, so that it seldom needs more room than before.
_UNIT = 16 * 1024


# Where a stream stands of which nothing has been delivered.
BEGIN = Position(1, 0)


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
    description: dict[str, Any] | None = None
    """While a task is open, what its END needs should the stream's files be lost."""


@dataclass
class Totals:
    """Counts since the spool was made."""

    delivered: int = 0
    delivered_bytes: int = 0
    rejected: int = 0
    dropped: int = 0
    skipped_bytes: int = 0
    missing: int = 0
    """Records that were said, as the numbers of those behind them prove, and are not there."""
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
        atomic_file.replace(directory / NAME, text.encode() + b" " * (-len(text) % _UNIT))


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
