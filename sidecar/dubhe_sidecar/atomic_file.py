"""A small file that is replaced in one step, also on a full disk.

The new contents are written to a file beside it, which is renamed over the old one, so a crash
leaves the old or the new contents, complete. The old file becomes the next one to write to, and
keeps its blocks for that: what was written once can be written again however full the disk is, as
long as it does not grow.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file's contents.

    Args:
        path: the file; ``.<name>.new`` and ``.<name>.old`` beside it belong to it.
        data: all of the new contents.
        durable: whether it is on the disk itself when the call returns.

    Raises:
        OSError: it cannot be written; the old contents are still there.
    """
    if durable:
        # Earlier renames and deletions must be on the disk before the new contents are. Else a
        # power cut might bring back a segment that the new cursor does not contain any more, and
        # the spare might be the file that has the name `path` on the disk, if an earlier call was
        # killed.
        sync_directory(path.parent)
    spare, old = (path.with_name(f".{path.name}.{suffix}") for suffix in ("new", "old"))
    first = not path.exists()
    _overwrite(spare, data, durable)
    with contextlib.suppress(OSError):  # no hard links here: then its blocks are freed
        old.unlink(missing_ok=True)
        old.hardlink_to(path)
    spare.rename(path)
    with contextlib.suppress(FileNotFoundError):
        old.rename(spare)
    if first:
        with contextlib.suppress(OSError):  # the spare only helps later calls
            _overwrite(spare, data, durable=False)
    if durable:
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Sync a directory's entries to the disk.

    Raises:
        OSError: the disk refuses.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _overwrite(path: Path, data: bytes, durable: bool) -> None:
    """Write a file into the blocks that it has."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        written = 0
        while written < len(data):
            written += os.write(fd, data[written:])
        os.ftruncate(fd, len(data))
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)
