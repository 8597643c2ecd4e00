"""One segment: a file of frames, its name and its header.

A stream is a row of segments, ``<stream>.<number>.seg``, numbered from 1. The file begins with::

    offset  size  field
         0     8  "DUBHESG1"
         8     8  dropped: records the full spool made the writer drop while this was its segment
        16     4  length of the description
        20     4  CRC-32 of the description
        24        description: JSON, see `Description`
                  frames follow

``dropped`` alone is overwritten in place; it counts what the policy dropped, and is exact even
if the writer is killed.

The writer holds an exclusive ``flock`` on the segment for as long as it may append to it. The
kernel drops it at the writer's death. A file appears under its name only after it is locked
(written under another name, then renamed), so "no lock" always means "will not grow".
``flock`` and not ``fcntl`` locks: those are lost as soon as anything in the process closes
another descriptor of the file. A forked child shares the lock until it closes the descriptor,
which `SpoolWriter` does in every child at once.
"""

from __future__ import annotations

import json
import os
import re
import struct
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from zlib import crc32

from dubhe_sdk.process.lock import is_held

MAGIC = b"DUBHESG1"
PREFIX = struct.Struct("<8sQII")
DROPPED_OFFSET = 8
DROPPED = struct.Struct("<Q")
MAX_DESCRIPTION = 1024 * 1024

_NAME = re.compile(r"(?P<stream>[0-9a-z-]{1,64})\.(?P<number>[0-9]{8})\.seg")


@dataclass(frozen=True)
class Description:
    """What a reader must know of the frames in a segment."""

    stream: str
    instance_id: str
    topic_status: str
    topic_result: str
    service: str
    """The run of the service that the writer belongs to; streams of one run end together."""
    boot_id: str
    """CLOCK_MONOTONIC of frames is comparable between streams of one boot."""
    wall_ns: int
    """Nanoseconds since 1970 when the segment was made: orders boots."""
    pid: int

    def encode(self) -> bytes:
        """Return the header's bytes, with nothing dropped yet."""
        text = json.dumps(asdict(self)).encode()
        return PREFIX.pack(MAGIC, 0, len(text), crc32(text)) + text


class BadSegment(Exception):
    """The file's header is not a segment's. The text says what was found."""


def read_description(fd: int) -> tuple[Description, int]:
    """Return the description and the offset of the first frame.

    Raises:
        BadSegment: the header is damaged, or of a version that this one cannot read.
    """
    prefix = os.pread(fd, PREFIX.size, 0)
    if len(prefix) < PREFIX.size:
        raise BadSegment(f"the file has {len(prefix)} bytes, a header has {PREFIX.size}")
    magic, _, length, crc = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise BadSegment(f"the file begins with {magic!r}, expected {MAGIC!r}")
    text = os.pread(fd, min(length, MAX_DESCRIPTION), PREFIX.size)
    if len(text) != length or crc32(text) != crc:
        raise BadSegment("the description's checksum is wrong")
    try:
        return Description(**json.loads(text)), PREFIX.size + length
    except (TypeError, ValueError) as error:
        raise BadSegment(f"the description is not understood: {error}") from None


def read_dropped(fd: int) -> int:
    """Return how many records were dropped while this segment was the writer's."""
    raw = os.pread(fd, DROPPED.size, DROPPED_OFFSET)
    return int(DROPPED.unpack(raw)[0]) if len(raw) == DROPPED.size else 0


def file_name(stream: str, number: int) -> str:
    """Return the name of a stream's segment."""
    return f"{stream}.{number:08d}.seg"


def parse_name(name: str) -> tuple[str, int] | None:
    """Return stream and number, or None if the name is not a segment's."""
    match = _NAME.fullmatch(name)
    return (match["stream"], int(match["number"])) if match else None


def is_growing(fd: int) -> bool:
    """Return whether a writer still holds the segment."""
    return is_held(fd)


def list_segments(directory: Path) -> dict[str, list[int]]:
    """Return the numbers of the segments there are, ascending, by stream."""
    found: dict[str, list[int]] = {}
    for name in os.listdir(directory):
        parsed = parse_name(name)
        if parsed:
            found.setdefault(parsed[0], []).append(parsed[1])
    for numbers in found.values():
        numbers.sort()
    return found


def remove_abandoned(directory: Path, seconds: float = 60.0) -> None:
    """Delete what writers left that were killed while making a segment.

    Only files older than ``seconds``: a younger one may be about to be locked.
    """
    for path in directory.glob(".*.seg.new"):
        try:
            with path.open("rb") as file:
                old = time.time() - os.fstat(file.fileno()).st_mtime > seconds
                if old and not is_growing(file.fileno()):
                    path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # it has its name now


def total_bytes(directory: Path) -> int:
    """Return how much the segments of the spool take, in bytes."""
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".seg"):
                try:
                    total += entry.stat().st_size
                except FileNotFoundError:
                    continue  # delivered and deleted meanwhile
    return total
