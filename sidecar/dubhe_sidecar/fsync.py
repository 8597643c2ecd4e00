"""`FsyncWorker`: syncs the spool to the disk, so that a power cut costs little.

Writers never wait for a disk; the sidecar syncs what they have written from time to time.
"""

from __future__ import annotations

import os
from pathlib import Path

from dubhe_sidecar import atomic_file


class FsyncWorker:
    """Syncs one spool.

    Args:
        directory: the spool's directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._synced: dict[str, int] = {}

    def sync(self) -> None:
        """Sync segments that grew since the last time, and the names of new ones.

        Raises:
            OSError: the disk refuses; the next call tries again.
        """
        sizes: dict[str, int] = {}
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name.endswith(".seg") and entry.is_file(follow_symlinks=False):
                    try:
                        sizes[entry.name] = entry.stat().st_size
                        if self._synced.get(entry.name) != sizes[entry.name]:
                            _sync_data(entry.path)
                    except FileNotFoundError:
                        continue  # delivered and deleted meanwhile
        if sizes.keys() - self._synced.keys():
            atomic_file.sync_directory(self._directory)  # a new file's name is in the directory
        self._synced = sizes


def _sync_data(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(fd)
    finally:
        os.close(fd)
