"""Room on the disk that is kept for what must not be lost when the disk itself is full.

The bound of the spool (`Limits`) is a matter of counting, and so is the reserve in it. When others
fill the disk, counting gives no room. So the sidecar keeps a file of allocated blocks in the spool
while there is plenty of room, and whoever must write something then cuts as much off it as the
writing takes: writers for READY, START, END and results, the sidecar for its cursor.

Nothing here locks. Two who cut at once may cut the same piece; whoever then finds no room cuts
again, until nothing is left.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

NAME = ".ballast"
BYTES = 1024 * 1024
# Taken only from a disk with so many times as much free, so that it is never what fills it.
_PLENTY = 16
# Room is given by whole blocks, and a file that grows may need one for its map as well.
_BLOCK = 4096

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def fill(directory: Path) -> None:
    """Allocate the ballast, or what is missing of it, if the disk has plenty of room.

    Raises:
        OSError: the file cannot be made.
    """
    path = directory / NAME
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size >= BYTES:
            return
    disk = os.statvfs(directory)
    if disk.f_bavail * disk.f_frsize < _PLENTY * BYTES:
        return
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.posix_fallocate(fd, 0, BYTES)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        os.ftruncate(fd, 0)  # a quota that statvfs does not know: leave it alone
    finally:
        os.close(fd)


def give(directory: Path, size: int) -> bool:
    """Let go of room for ``size`` bytes. Return whether there was any left to let go of."""
    path = directory / NAME
    try:
        have = path.stat().st_size
        if not have:
            return False
        os.truncate(path, max(0, have - _rounded(size)))
    except OSError:
        return False  # there is none, or the disk is read-only
    return True


def _rounded(size: int) -> int:
    return (size // _BLOCK + 3) * _BLOCK
