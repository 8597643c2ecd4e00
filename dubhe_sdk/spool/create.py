"""What a writer makes before it can append: the spool's directory, a stream's name, a segment."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from dubhe_sdk.errors import SpoolUnusable
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
    """Make the spool's directory and prove that files can be written in it.

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
        probe.unlink()
    except OSError as error:
        if error.errno in disk_reserve.DISK_FULL and directory.is_dir():
            return
        raise SpoolUnusable(
            f"the spool directory {directory} cannot be written: {error.strerror}. Mount a "
            "writable volume there, or name another directory by DUBHE_SPOOL_DIR"
        ) from None
