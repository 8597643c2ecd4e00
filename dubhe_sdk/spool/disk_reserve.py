"""The disk reserve: space on the disk for records that must not be lost when the disk is full.

Problem
    The bound of the spool (`SpoolLimits`) only counts bytes, and so does the reserve in it. When
    other programs fill the disk, or the bound is larger than the disk, counting frees no space.

Mechanism
    A file of allocated blocks is kept in the spool. The first process to start creates it and the
    sidecar refills it. A process that must write on a full disk first truncates the file by as
    much as the write needs: writers for READY, START, END and results, the sidecar for its cursor.
    The last part belongs to the sidecar alone: without a cursor it can delete nothing, and a disk
    that the spool itself had filled would stay full.

Safety
    There is no lock. Two processes that truncate at the same time may free the same part once; the
    one that still finds the disk full truncates again, until nothing is left.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

NAME = ".reserve"
BYTES = 1024 * 1024
SIDECAR_BYTES = 64 * 1024
# Allocated only if the disk has this many times as much free space, so that it never fills it.
_PLENTY = 8
# Space is freed by whole blocks, and a file that grows may need one for its map as well.
_BLOCK = 4096

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def fill(directory: Path) -> None:
    """Allocate the reserve, or what is missing of it, if the disk has plenty of free space.

    Raises:
        OSError: the file cannot be created.
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
        if error.errno not in DISK_FULL:
            raise
        os.ftruncate(fd, have)  # a quota that statvfs does not know: leave it alone
    finally:
        os.close(fd)


def release(directory: Path, size: int, leave: int = SIDECAR_BYTES) -> bool:
    """Free space for ``size`` bytes, down to ``leave``. Return whether there was any."""
    path = directory / NAME
    try:
        have = path.stat().st_size
        if have <= leave:
            return False
        try:
            os.truncate(path, max(leave, have - _rounded(size)))
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            path.unlink()  # btrfs over its quota refuses anything else
    except OSError:
        return False  # there is none, or the disk is read-only
    return True


def _rounded(size: int) -> int:
    return (size // _BLOCK + 3) * _BLOCK
