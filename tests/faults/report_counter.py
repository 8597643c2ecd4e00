"""How many messages a process has reported, exact even after ``kill -9``.

Each reporting process keeps three numbers in a file that it maps into its memory: what it stores
there is the kernel's at once, so no death of the process loses it. Message n is *accepted* when the
call that reported it has returned. One that was begun and has not returned may have been accepted
or not; a process has at most one such message, its last.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple

_LATE = ".late"
_FIELDS = struct.Struct("=QQQ")  # begun, returned, bytes of the message being reported


class ReportCounts(NamedTuple):
    """One reporter's numbers: 1 … ``returned`` were accepted, ``begun`` may have been."""

    reporter: int
    begun: int
    returned: int
    in_call: int
    """Bytes of the message that is being reported at this moment; 0: none is."""
    late: bool = False
    """Whether the task may have ended before a message was reported, which is dropped then."""


class ReportCounter:
    """The counter of this process.

    Args:
        folder: where counters lie; it exists.
        late: whether what is reported may be dropped; see `ReportCounts.late`.
    """

    def __init__(self, folder: Path, *, late: bool = False) -> None:
        # Below 2^53, so that a JSON number holds it whoever reads it.
        self.reporter = int.from_bytes(os.urandom(6), "big")
        path = folder / f"{self.reporter:012x}.{os.getpid()}{_LATE * late}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.ftruncate(fd, _FIELDS.size)
            # A view of eight-byte numbers, so that each store is one and never seen by halves.
            self._fields = memoryview(mmap.mmap(fd, _FIELDS.size)).cast("Q")
        finally:
            os.close(fd)

    def begin(self, size: int) -> int:
        """Take the next number, for a message of ``size`` bytes whose report begins now."""
        self._fields[0] += 1
        self._fields[2] = size
        return self._fields[0]

    def returned(self) -> None:
        """Note that the call has returned: the message begun last is accepted."""
        self._fields[2] = 0
        self._fields[1] = self._fields[0]


def read(path: Path) -> ReportCounts:
    """Return the numbers in an counter's file."""
    data = path.read_bytes()
    begun, returned, in_call = _FIELDS.unpack(data) if data else (0, 0, 0)
    reporter = int(path.name.partition(".")[0], 16)
    return ReportCounts(reporter, begun, returned, in_call, path.name.endswith(_LATE))


def read_all(folder: Path) -> dict[int, ReportCounts]:
    """Return reporter → numbers, for all counters in a folder."""
    return {reported.reporter: reported for reported in map(read, folder.iterdir())}


def of_process(folder: Path, pid: int) -> Path | None:
    """Return the counter file of a process, or None if it has reported nothing yet."""
    return next(folder.glob(f"*.{pid}"), None)
