"""What a process has said, known exactly even after ``kill -9``.

Each speaking process keeps three numbers in a file that it maps into its memory: what it stores
there is the kernel's at once, so no death of the process loses it. Message n is *accepted* when the
call that said it has returned. One that was begun and has not returned may have been accepted or
not; a process has at most one such message, its last.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple

_FIELDS = struct.Struct("=QQQ")  # begun, returned, bytes of the message being said


class Said(NamedTuple):
    """One speaker's numbers: 1 … ``returned`` were accepted, ``begun`` may have been."""

    speaker: int
    begun: int
    returned: int
    in_call: int
    """Bytes of the message that is being said at this moment; 0: none is."""


class Account:
    """The account of this process.

    Args:
        folder: where accounts lie; it exists.
    """

    def __init__(self, folder: Path) -> None:
        # Below 2^53, so that a JSON number holds it whoever reads it.
        self.speaker = int.from_bytes(os.urandom(6), "big")
        path = folder / f"{self.speaker:012x}.{os.getpid()}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.ftruncate(fd, _FIELDS.size)
            # A view of eight-byte numbers, so that each store is one and never seen by halves.
            self._fields = memoryview(mmap.mmap(fd, _FIELDS.size)).cast("Q")
        finally:
            os.close(fd)

    def begin(self, size: int) -> int:
        """Take the next number, for a message of so many bytes; it is being said from now on."""
        self._fields[0] += 1
        self._fields[2] = size
        return self._fields[0]

    def returned(self) -> None:
        """Note that the call has returned: the message begun last is accepted."""
        self._fields[2] = 0
        self._fields[1] = self._fields[0]


def read(path: Path) -> Said:
    """Return the numbers in an account's file."""
    data = path.read_bytes()
    begun, returned, in_call = _FIELDS.unpack(data) if data else (0, 0, 0)
    return Said(int(path.name.partition(".")[0], 16), begun, returned, in_call)


def read_all(folder: Path) -> dict[int, Said]:
    """Return speaker → numbers, for all accounts in a folder."""
    return {said.speaker: said for said in map(read, folder.iterdir())}


def of_process(folder: Path, pid: int) -> Path | None:
    """Return the account file of a process, or None if it has said nothing yet."""
    return next(folder.glob(f"*.{pid}"), None)
