"""Addresses of Unix sockets whose paths are long: ``sun_path`` holds 107 bytes, unix(7)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_LONGEST = 107


def open_address(path: Path) -> tuple[int | None, str]:
    """Return an address that fits, and the descriptor that it depends on, if any.

    A longer path is named by way of its folder's descriptor: ``/proc/self/fd/N/…``.

    Raises:
        OSError: the folder cannot be opened.
    """
    if len(os.fsencode(path)) <= _LONGEST:
        return None, str(path)
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return fd, f"/proc/self/fd/{fd}/{path.name}"


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """Yield an address that fits, for the time in which a socket is bound or connected.

    Raises:
        OSError: the folder cannot be opened.
    """
    fd, fitting = open_address(path)
    try:
        yield fitting
    finally:
        if fd is not None:
            os.close(fd)
