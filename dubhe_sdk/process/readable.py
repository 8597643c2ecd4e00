"""Waiting until something can be read, whatever the numbers of the descriptors are."""

from __future__ import annotations

import math
import select
from collections.abc import Iterable


def wait_readable(fds: Iterable[int], timeout: float | None) -> set[int]:
    """Return those of the descriptors that can be read, or whose other end is gone.

    By poll(2): select(2) takes no descriptor from 1024 on (FD_SETSIZE, see its manual page), and a
    process gets such numbers as soon as it, or who started it, has many files open.

    Args:
        fds: descriptors; a closed one counts as readable.
        timeout: seconds, at least 0; None waits without end.

    Returns:
        None of them if the time was over first.

    Example:
        >>> import os
        >>> reading, writing = os.pipe()
        >>> wait_readable([reading], 0)
        set()
        >>> _ = os.write(writing, b"x")
        >>> wait_readable([reading], None) == {reading}
        True
    """
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    # Rounded up: who waits for a time must not come before it, again and again.
    found = poll.poll(None if timeout is None else math.ceil(timeout * 1000))
    return {fd for fd, _ in found}
