"""The floor: as many bytes as our frame has, handed to the kernel."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def prepare(folder: str) -> Callable[[int], None]:
    """An append-only file; FRAME_BYTES is the size of one record."""
    fd = os.open(Path(folder, "bare"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    data = b"x" * int(os.environ["FRAME_BYTES"])
    write = os.write

    def report(step: int) -> None:
        write(fd, data)

    return report
