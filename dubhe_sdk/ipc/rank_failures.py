"""What ranks raised, for the END of their task.

A rank that fails is seen by its launcher alone, which says no more than an exit status. So it
writes what it raised beside the task's request, where model process and service parent look.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_SEPARATOR = ".rank-"


def write_failure(task_file: Path, rank: int, text: str) -> None:
    """Keep what a rank raised.

    Args:
        task_file: where the running task's request lies.
        rank: its number.
        text: one line.
    """
    path = task_file.with_name(f"{task_file.name}{_SEPARATOR}{rank}")
    # Not if the task has ended meanwhile, or there is one already: that is the cause of this one.
    with contextlib.suppress(OSError), path.open("x", encoding="utf-8") as file:
        file.write(text)


def read_failures(task_file: Path) -> str:
    """Return what the ranks of the task raised: ``rank 1 failed: ValueError: …``; empty if none.

    The first that failed comes first: the others often fail because of it.
    """
    found = sorted((path.stat().st_mtime_ns, path) for path in _files(task_file))
    return "; ".join(
        f"rank {path.name.rpartition('-')[2]} failed: {path.read_text('utf-8')}"
        for _, path in found
    )


def forget_failures(task_file: Path) -> None:
    """Remove what the ranks of an earlier task have left."""
    for path in _files(task_file):
        path.unlink(missing_ok=True)


def _files(task_file: Path) -> list[Path]:
    return list(task_file.parent.glob(f"{task_file.name}{_SEPARATOR}*"))
