"""The folder for the sockets and the task file of one run of the service."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# A Unix socket's path has at most 107 bytes (unix(7)); what is below the folder needs the rest.
_MAX_PATH_BYTES = 90


@contextlib.contextmanager
def run_dir() -> Iterator[Path]:
    """Create the folder; remove it at the end."""
    folder = _create()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _create() -> Path:
    created = tempfile.mkdtemp(prefix="dubhe-")
    if len(os.fsencode(created)) <= _MAX_PATH_BYTES:
        return Path(created)
    Path(created).rmdir()
    return Path(tempfile.mkdtemp(prefix="dubhe-", dir="/tmp"))
