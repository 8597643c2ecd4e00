"""`inspect`: what a spool holds, for people and for machines.

Works while a sidecar runs and without one. What is only in a running sidecar's memory (its last
error, its retries) it writes to ``status.json``, at most every second.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dubhe_sdk.process.state_file import read_states
from dubhe_sdk.spool import segment
from dubhe_sdk.spool.destination import Destination
from dubhe_sdk.spool.frame import OVERHEAD, Frame
from dubhe_sdk.spool.merge import boot_id
from dubhe_sdk.spool.reader import StreamReader
from dubhe_sidecar import atomic_file
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar.convert import topic_of
from dubhe_sidecar.loss_counters import dropped_in, size_of
from dubhe_sidecar.sinks.base import OutageCode, OutageReason

STATUS_NAME = "status.json"
LOCK_NAME = "sidecar.lock"
_LIVE_BYTES = 4096  # of a file system's block; an error and its warnings fit in


@dataclass
class StreamStatus:
    """One stream."""

    stream: str
    instance_id: str
    pid: int
    writing: bool
    """Whether its writer is still alive."""
    undelivered: int
    undelivered_bytes: int
    oldest_ms: int | None
    """When the oldest undelivered record was reported, in milliseconds since 1970."""
    destination: str = ""
    """Where it is to go: ``journal``, ``kafka`` and the cluster's id as far as it is known."""


@dataclass
class SpoolStatus:
    """A whole spool. Counts are of records since the spool was created."""

    spool: str
    sidecar: str
    """``running`` or ``not running``."""
    sink: str
    streams: list[StreamStatus] = field(default_factory=list)
    undelivered: int = 0
    undelivered_bytes: int = 0
    oldest_age_seconds: float | None = None
    delivered: int = 0
    delivered_bytes: int = 0
    dropped: int = 0
    dead_letters: int = 0
    dead_letters_discarded: int = 0
    """Of these, how many were deleted since their file is bounded."""
    damaged_bytes: int = 0
    missing: int = 0
    """Records lost with damaged or removed segments, as the gaps in their numbers show."""
    damaged_places: int = 0
    unreadable: list[str] = field(default_factory=list)
    last_error: str | None = None
    last_error_code: str | None = None
    """One of `dubhe_sidecar.sinks.base.OutageCode`."""
    warnings: list[str] = field(default_factory=list)
    """What endangers or slows delivery that works."""
    warning_codes: list[str] = field(default_factory=list)
    """Of `dubhe_sidecar.sinks.base.WarningCode`, in the same order."""
    abandoned: str | None = None
    """Whose records the running sidecar leaves in the spool, and what to do."""
    retries: int = 0
    launches: list[dict[str, Any]] = field(default_factory=list)
    """State of the container parents that use this spool now: how often their sidecars died."""
    services: list[dict[str, Any]] = field(default_factory=list)
    """State of the services that use it now, the latest last."""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return asdict(self)


def inspect(directory: Path) -> SpoolStatus:
    """Inspect a spool.

    Raises:
        FileNotFoundError: there is no such directory.
        SinkError: its cursor cannot be read.
    """
    segments = segment.list_segments(directory)
    cursor = cursors.load(directory)
    live = read_live(directory)
    running = is_running(directory)
    # A sidecar that failed has left the reason, for as long as it is not started again.
    current = running or bool(live.get("fatal"))
    totals = cursor.totals
    status = SpoolStatus(
        spool=str(directory),
        sidecar="running" if running else "not running",
        sink=cursor.sink_name or str(live.get("sink", "")),
        delivered=totals.delivered,
        delivered_bytes=totals.delivered_bytes,
        dropped=totals.dropped,
        damaged_bytes=totals.skipped_bytes,
        missing=totals.missing,
        damaged_places=totals.skipped_places,
        dead_letters=totals.rejected,
        dead_letters_discarded=totals.dead_letters_discarded,
        last_error=live.get("last_error") if current else None,
        last_error_code=live.get("last_error_code") if current else None,
        warnings=[text for _, text in live.get("warnings", ())] if running else [],
        warning_codes=[code for code, _ in live.get("warnings", ())] if running else [],
        abandoned=live.get("abandoned") if running else None,
        retries=int(live.get("retries", 0)) if running else 0,
        launches=read_states(directory, "launch"),
        services=read_states(directory, "service"),
    )
    status.unreadable += [f"{name}: not a regular file" for name in segment.list_foreign(directory)]
    for name, numbers in sorted(segments.items()):
        entry = cursor.streams.get(name)
        if entry is not None and entry.finished:
            continue  # counted, and about to be deleted
        first = entry.segment if entry else numbers[0]
        for number in numbers:
            if number >= first:
                dropped = dropped_in(directory / segment.file_name(name, number))
                status.dropped += dropped or 0
                if dropped is None:
                    status.unreadable.append(f"{name}: the count of dropped records is damaged")
        try:
            stream = _stream(directory, name, numbers, entry)
        except FileNotFoundError:
            continue  # delivered and deleted meanwhile
        except (OSError, segment.BadSegment) as error:
            status.unreadable.append(f"{name}: {error}")
            continue
        status.streams.append(stream)
    status.undelivered = sum(stream.undelivered for stream in status.streams)
    status.undelivered_bytes = sum(stream.undelivered_bytes for stream in status.streams)
    oldest = [s.oldest_ms for s in status.streams if s.oldest_ms is not None]
    if oldest:
        status.oldest_age_seconds = max(0.0, time.time() - min(oldest) / 1000)
    return status


def _stream(
    directory: Path, name: str, numbers: list[int], entry: cursors.StreamCursor | None
) -> StreamStatus:
    number, offset = (entry.segment, entry.offset) if entry else (numbers[0], 0)
    if number not in numbers:
        number, offset = next((n for n in numbers if n > number), numbers[-1]), 0
    reader = StreamReader(directory, name, number, offset, entry.seq if entry else 0)
    try:
        description = reader.description
        pending = sum(
            size_of(directory / segment.file_name(name, n)) for n in numbers if n > number
        )
        pending += size_of(directory / segment.file_name(name, number)) - reader.offset
        count, oldest = 0, None
        while frames := reader.read():
            if entry is not None and entry.ahead:
                read = _bytes_of(frames)
                frames = [
                    one
                    for one in frames
                    if not entry.is_ahead(topic_of(description, one.kind), one.seq)
                ]
                pending -= read - _bytes_of(frames)
            if frames:
                oldest = oldest if oldest is not None else frames[0].date_ms
                count += len(frames)
        growing = not reader.ended and description.boot_id == boot_id()
    finally:
        reader.close()
    return StreamStatus(
        stream=name,
        instance_id=description.instance_id,
        pid=description.pid,
        writing=growing,
        undelivered=count,
        undelivered_bytes=max(0, pending),
        oldest_ms=oldest,
        destination=_destination(description, entry).key,
    )


def _bytes_of(frames: Sequence[Frame]) -> int:
    return sum(OVERHEAD + len(one.value) for one in frames)


def _destination(
    description: segment.Description, entry: cursors.StreamCursor | None
) -> Destination:
    cluster = entry.cluster if entry is not None else ""
    return Destination(description.destination, cluster or description.cluster)


def describe_sidecar(launch: Mapping[str, Any] | None, delivering: bool) -> str:
    """Return the sidecar's state as text.

    Args:
        launch: state of its container parent, if there is one.
        delivering: whether a sidecar holds the spool, of this container or another.
    """
    text = "running" if delivering else "not running"
    if launch is None:
        return text
    sidecar = launch["sidecar"]
    if sidecar["deaths"]:
        ago = max(0.0, time.time() - sidecar["last_end_ms"] / 1000)
        times = "once" if sidecar["deaths"] == 1 else f"{sidecar['deaths']} times"
        text += f"; it has died {times}, the last time {ago:.0f} s ago: it {sidecar['last_end']}"
    return text


def is_running(directory: Path) -> bool:
    """Return whether a sidecar holds the spool."""
    try:
        fd = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def write_live(directory: Path, live: Mapping[str, Any]) -> None:
    """Write what is only in the running sidecar's memory.

    Raises:
        OSError: it cannot be written.
    """
    # As long as a block, so that it need not grow to hold an error on a full disk.
    text = json.dumps(live).ljust(_LIVE_BYTES)
    atomic_file.replace(directory / STATUS_NAME, text.encode(), durable=False)


def read_fatal(directory: Path) -> OutageReason | None:
    """Return why the sidecar before this one ended, unless something was delivered since."""
    live = read_live(directory)
    text, code = live.get("last_error"), live.get("last_error_code")
    if not live.get("fatal") or not isinstance(text, str):
        return None
    try:
        return OutageReason(OutageCode(code), text)
    except ValueError:
        return OutageReason(OutageCode.OTHER, text)


def read_live(directory: Path) -> dict[str, Any]:
    """Return what the sidecar wrote last; empty if it has written nothing."""
    try:
        value = json.loads((directory / STATUS_NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
