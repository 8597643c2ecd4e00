"""What a writer makes before it can append: the spool's directory, a stream's name, a segment."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from dubhe_sdk.errors import SpoolUnusable
from dubhe_sdk.process.lock import is_held
from dubhe_sdk.process.volume import volume_of
from dubhe_sdk.spool import disk_reserve, segment


def new_stream_name() -> str:
    """Return a name that no other stream has: time, process, chance."""
    return f"{time.time_ns() // 1_000_000:012x}-{os.getpid():x}-{os.urandom(4).hex()}"


def create_segment(
    directory: Path, description: segment.Description, number: int
) -> tuple[int, int]:
    """Make a segment, locked, and let it appear under its name.

    Returns:
        The descriptor to append with, and the offset of the first frame.

    Raises:
        OSError: it cannot be made.
    """
    name = segment.file_name(description.stream, number)
    hidden = directory / f".{name}.new"
    fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        header = description.encode()
        if os.write(fd, header) != len(header):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))
        hidden.rename(directory / name)
    except BaseException:
        os.close(fd)
        hidden.unlink(missing_ok=True)
        raise
    return fd, len(header)


def check_directory(directory: Path) -> None:
    """Make the spool's directory and prove that files can be written and locked in it.

    Locks show who lives (see `dubhe_sdk.spool.segment`). Without them every message would be
    dropped, or a living writer taken for a dead one; a volume may refuse them, or accept them
    without keeping anybody out.

    A disk that is full at the moment does not count as unwritable: a rank that starts in the
    middle of a training must not fail of it. What it reports is dropped and counted until there is
    room.

    Raises:
        SpoolUnusable: they cannot; the text says why and what to do.
    """
    probe = directory / f".probe-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.touch()
        try:
            _check_lock(probe)
        finally:
            probe.unlink()
    except OSError as error:
        if error.errno in disk_reserve.DISK_FULL and directory.is_dir():
            return
        raise SpoolUnusable(
            f"the spool directory {directory} cannot be written: {error.strerror}. Mount a "
            "writable volume there, or name another directory by DUBHE_SPOOL_DIR"
        ) from None


def _check_lock(probe: Path) -> None:
    """Lock a file, and see that another descriptor of it is kept out.

    Raises:
        SpoolUnusable: it is not.
    """
    with probe.open("r+b") as holder, probe.open("rb") as other:  # NFS locks only what is writable
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            problem = None if is_held(other.fileno()) else "a lock keeps nobody out"
        except OSError as error:
            problem = error.strerror
    if problem is not None:
        volume = volume_of(probe.parent)
        raise SpoolUnusable(
            f"the spool directory {probe.parent} lies on a volume without file locks (flock: "
            f"{problem}): {volume or 'unknown'}. Mount a local volume there, or a network volume "
            "that supports flock, or name another directory by DUBHE_SPOOL_DIR"
        )
