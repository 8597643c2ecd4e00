"""One segment: a file of frames, its name and its header.

A stream is a row of segments, ``<stream>.<number>.seg``, numbered from 1. The file begins with::

    offset  size  field
         0     8  "DUBHESG1"
         8     4  dropped: records that the full spool made the writer drop in this segment's time
        12     4  CRC-32 of the bytes 8…11, turned over such that 0 goes with 0
        16     4  length of the description
        20     4  CRC-32 of the description
        24        description: JSON, see `Description`
                  frames follow

``dropped`` and its checksum alone are overwritten in place; it counts what the policy dropped, and
is exact even if the writer is killed. Any change of the format, the frames' included, changes the
last byte of the magic: a file of another version is reported and kept, never taken for damage.
A description may lack the members that have defaults, as those of earlier versions do.

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
from typing import BinaryIO
from zlib import crc32

from dubhe_sdk.process.lock import is_held

MAGIC = b"DUBHESG1"
PREFIX = struct.Struct("<8s8sII")
DROPPED_OFFSET = 8
_COUNT = struct.Struct("<I")
_DROPPED_SIZE = 8
_NOTHING_DROPPED = bytes(_DROPPED_SIZE)
_CRC_OF_NOTHING = crc32(_COUNT.pack(0))
MAX_DROPPED = 2**32 - 1
MAX_DESCRIPTION = 1024 * 1024

_CHUNK = 64 * 1024
_NAME = re.compile(r"(?P<stream>[0-9a-z-]{1,64})\.(?P<number>[0-9]{8})\.seg")


@dataclass(frozen=True)
class Description:
    """What the frames of a segment have in common, for readers."""

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
    destination: str = ""
    """Where the records are to go, see `dubhe_sdk.spool.destination`; empty: wherever."""
    cluster: str = ""
    """Id of the Kafka cluster they are to go to; empty: not known when the segment was made."""
    launch: str = ""
    """The run of ``dubhe launch`` that the writer belongs to; empty: none."""

    def encode(self) -> bytes:
        """Return the header's bytes, with nothing dropped yet."""
        text = json.dumps(asdict(self)).encode()
        return PREFIX.pack(MAGIC, _NOTHING_DROPPED, len(text), crc32(text)) + text


class BadSegment(Exception):
    """The file's header is not a segment's. The text names what was found."""


def read_description(fd: int, stream: str | None = None) -> tuple[Description, int]:
    """Return the description and the offset of the first frame.

    Args:
        fd: the segment.
        stream: whose segment it is by its name; None: any.

    Raises:
        BadSegment: the header is damaged, of a version that this one cannot read, or of another
            stream: then the file was copied or renamed, and delivering it would repeat what is
            delivered from the original.
    """
    prefix = os.pread(fd, PREFIX.size, 0)
    if len(prefix) < PREFIX.size:
        raise BadSegment(f"the file has {len(prefix)} bytes, a header has {PREFIX.size}")
    magic, _, length, crc = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise BadSegment(
            f"the file begins with {magic!r}, expected {MAGIC!r}: it is of another version, which "
            "alone can deliver it, or no segment, and then to be moved out of the spool"
        )
    text = os.pread(fd, min(length, MAX_DESCRIPTION), PREFIX.size)
    if len(text) != length or crc32(text) != crc:
        raise BadSegment("the checksum of the description is wrong")
    try:
        description = Description(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise BadSegment(f"the description is not understood: {error}") from None
    if stream is not None and description.stream != stream:
        raise BadSegment(
            f"the file is a segment of stream {description.stream}, copied or renamed; "
            "move it out of the spool, or give it its name again"
        )
    return description, PREFIX.size + len(text)


def is_of_another_version(fd: int) -> bool:
    """Return whether a file is a segment of a format that this version cannot read."""
    magic = os.pread(fd, len(MAGIC), 0)
    return magic[:-1] == MAGIC[:-1] and magic != MAGIC


def encode_dropped(count: int) -> bytes:
    """Return the header's field for so many dropped records, at most `MAX_DROPPED`."""
    raw = _COUNT.pack(min(count, MAX_DROPPED))
    return raw + _COUNT.pack(crc32(raw) ^ _CRC_OF_NOTHING)


def read_dropped(fd: int) -> int | None:
    """Return how many records were dropped while this was the writer's current segment.

    None if the count is damaged.
    """
    raw = os.pread(fd, _DROPPED_SIZE, DROPPED_OFFSET)
    if len(raw) < _DROPPED_SIZE:
        return 0  # no whole header: nothing was ever noted in it
    (count,) = _COUNT.unpack_from(raw)
    return int(count) if encode_dropped(count) == raw else None


def file_name(stream: str, number: int) -> str:
    """Return the name of a stream's segment."""
    return f"{stream}.{number:08d}.seg"


def parse_name(name: str) -> tuple[str, int] | None:
    """Return stream and number, or None if the name is not a segment's."""
    match = _NAME.fullmatch(name)
    return (match["stream"], int(match["number"])) if match else None


def list_segments(directory: Path) -> dict[str, list[int]]:
    """Return the numbers of the segments there are, ascending, by stream."""
    found: dict[str, list[int]] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            parsed = parse_name(entry.name)
            # Opening a FIFO would block; a link's target may be anybody's.
            if parsed and entry.is_file(follow_symlinks=False):
                found.setdefault(parsed[0], []).append(parsed[1])
    for numbers in found.values():
        numbers.sort()
    return found


def list_foreign(directory: Path) -> list[str]:
    """Return the names that look like segments but are not files: folders, links, pipes."""
    with os.scandir(directory) as entries:
        return sorted(
            entry.name
            for entry in entries
            if parse_name(entry.name) and not entry.is_file(follow_symlinks=False)
        )


def remove_abandoned(directory: Path, seconds: float = 60.0) -> None:
    """Delete what writers left that were killed while creating a segment.

    Only files older than ``seconds``: a younger one may be about to be locked.
    """
    for path in directory.glob(".*.seg.new"):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                old = time.time() - os.fstat(file.fileno()).st_mtime > seconds
                if old and not is_held(file.fileno()):
                    path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # it has its name now


def remove_blank(directory: Path) -> list[str]:
    """Delete segments without a writer that hold nothing but zeros; return their names.

    A power failure leaves such files: the name had reached the disk and the contents had not. A
    living writer never shows one, since a segment has its header before it has its name.
    """
    removed = []
    for stream, numbers in list_segments(directory).items():
        for number in numbers:
            path = directory / file_name(stream, number)
            try:
                with path.open("rb") as file:
                    if not is_held(file.fileno()) and _is_blank(file):
                        path.unlink()
                        removed.append(path.name)
            except OSError:
                continue  # the next reader reports what is wrong with it
    return removed


def _is_blank(file: BinaryIO) -> bool:
    return all(not chunk.strip(b"\0") for chunk in iter(lambda: file.read(_CHUNK), b""))


def total_bytes(directory: Path) -> int:
    """Return how much the segments of the spool take, in bytes."""
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".seg") and entry.is_file(follow_symlinks=False):
                try:
                    total += entry.stat().st_size
                except FileNotFoundError:
                    continue  # delivered and deleted meanwhile
    return total
