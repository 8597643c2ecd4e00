"""`Cursor`: how far each stream has been delivered. One JSON file, written in one step.

It holds the sinks' states as well: they belong to the same outcomes. Sidecars of several
destinations may take turns on a spool, and each destination has its own state. The file has to be
written even when the disk is full, since only then can anything be deleted; see `atomic_file`.
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
VERSION = 3
_READABLE = (2, VERSION)  # 2 lacks `StreamCursor.ahead`
# The file's size is a multiple of this, so that it rarely needs more space than before.
_UNIT = 16 * 1024

# The position of a stream of which nothing has been delivered.
BEGIN = Position(1, 0)


@dataclass
class StreamCursor:
    """The position of a stream."""

    segment: int
    offset: int
    seq: int = 0
    """Number of the last record whose outcome is known."""
    task_open: bool = False
    """A START was delivered and its END was not yet."""
    finished: bool = False
    """All of it is delivered and its writer has ended: its files may be deleted."""
    description: dict[str, Any] | None = None
    """While a task is open, what its END needs should the stream's files be lost."""
    cluster: str = ""
    """Id of the Kafka cluster that has begun to get the stream, and gets the rest of it."""
    ahead: dict[str, int] = field(default_factory=dict)
    """Per topic the number of the last record whose outcome is known, where that lies behind the
    position: see ``held_back.py``."""

    def is_ahead(self, topic: str, seq: int) -> bool:
        """Return whether the outcome of a record behind the position is known already."""
        return bool(self.ahead) and seq <= self.ahead.get(topic, 0)


@dataclass
class Totals:
    """Counts since the spool was created."""

    delivered: int = 0
    delivered_bytes: int = 0
    rejected: int = 0
    """Dead letters."""
    dead_letters_discarded: int = 0
    """Of these, how many were deleted to keep their file within its bound."""
    dropped: int = 0
    skipped_bytes: int = 0
    missing: int = 0
    """Records that are not in the spool, as the gaps in the numbers show."""
    skipped_places: int = 0


@dataclass
class Cursor:
    """All streams' positions, the sinks' states, and the totals."""

    streams: dict[str, StreamCursor] = field(default_factory=dict)
    sinks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By `Destination.key`."""
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
        SinkError: there is one, but it is malformed.
    """
    path = directory / NAME
    try:
        value = json.loads(path.read_text("utf-8"))
        version = value.pop("version")
        if version == 1:  # one destination only, and no id of a cluster
            sink, kind = value["sink"], value["sink_name"].split()[:1]
            value["sinks"] = {kind[0]: sink} if sink is not None and kind else {}
        elif version not in _READABLE:
            raise ValueError(f"it has version {version}, expected {VERSION}")
        return Cursor(
            streams={name: StreamCursor(**entry) for name, entry in value["streams"].items()},
            sinks=value["sinks"],
            sink_name=value["sink_name"],
            totals=Totals(**value["totals"]),
        )
    except FileNotFoundError:
        return Cursor()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SinkError(
            f"the cursor {path} cannot be read: {error}. To give it up, delete it: "
            "everything in the spool is then delivered again"
        ) from None
