"""The lifeline: a pipe whose writing end the container parent alone holds.

When the parent dies, however it dies, readers see the end of the pipe. Unlike a parent-death
signal it also reaches grandchildren, through a shell that does not use it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

VARIABLE = "DUBHE_LIFELINE"


def inherited(env: Mapping[str, str]) -> int | None:
    """Return the reading end that this process has inherited, or None."""
    text = env.get(VARIABLE, "")
    if not text.isdigit():
        return None
    fd = int(text)
    try:
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            return None
    except OSError:
        return None  # closed on the way; nothing to watch
    os.set_inheritable(fd, False)
    return fd
