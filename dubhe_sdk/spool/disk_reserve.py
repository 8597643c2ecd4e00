"""Room on the disk that is kept for what must not be lost when the disk itself is full.

The bound of the spool (`Limits`) is a matter of counting, and so is the reserve in it. When others
fill the disk, or the bound is larger than the disk, counting gives no room. So a file of allocated
blocks is kept in the spool, made by whoever comes first and renewed by the sidecar. Whoever must
write something then cuts as much off it as the writing takes: writers for READY, START, END and
results, the sidecar for its cursor. A last piece is the sidecar's alone: without a cursor it can
delete nothing, and a disk that the spool itself had filled would stay full for ever.

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
SIDECAR_BYTES = 64 * 1024
# Taken only from a disk with so many times as much free, so that it is never what fills it.
_PLENTY = 8
# Room is given by whole blocks, and a file that grows may need one for its map as well.
_BLOCK = 4096

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def fill(directory: Path) -> None:
    """Allocate the ballast, or what is missing of it, as far as the disk has plenty of room.

    Raises:
        OSError: the file cannot be made.
    """
    path = directory / NAME
    have = 0
    with contextlib.suppress(FileNotFoundError):
        have = path.stat().st_size
    if have >= BYTES:
        return
    disk = os.statvfs(directory)
    free = disk.f_bavail * disk.f_frsize
    wanted = next((size for size in (BYTES, SIDECAR_BYTES) if free >= _PLENTY * size), 0)
    if have >= wanted:
        return
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.posix_fallocate(fd, 0, wanted)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        os.ftruncate(fd, have)  # a quota that statvfs does not know: leave it alone
    finally:
        os.close(fd)


def give(directory: Path, size: int, leave: int = SIDECAR_BYTES) -> bool:
    """Let go of room for ``size`` bytes, down to ``leave``. Return whether there was any."""
    path = directory / NAME
    try:
        have = path.stat().st_size
        if have <= leave:
            return False
        try:
            os.truncate(path, max(leave, have - _rounded(size)))
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            path.unlink()  # btrfs over its quota refuses anything else
    except OSError:
        return False  # there is none, or the disk is read-only
    return True


def _rounded(size: int) -> int:
    return (size // _BLOCK + 3) * _BLOCK
