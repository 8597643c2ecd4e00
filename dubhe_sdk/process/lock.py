"""Locks that show whether a process lives: the kernel drops them at its death (flock(2))."""

from __future__ import annotations

import fcntl


def is_held(fd: int) -> bool:
    """Return whether another process holds the lock on a file."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False
