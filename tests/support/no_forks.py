"""Has the start of processes fail for a while, as at the limit of a container's processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Python imports it at its start. The limit itself needs a control group that may be written.
_SITE = """
import _posixsubprocess, errno, os

start = _posixsubprocess.fork_exec

def fork_exec(*arguments):
    if os.path.exists({switch!r}):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return start(*arguments)

_posixsubprocess.fork_exec = fork_exec
"""


class NoForks:
    """The switch.

    Args:
        folder: where it may write.
    """

    def __init__(self, folder: Path) -> None:
        self._switch = folder / "no-forks"
        self._site = folder / "site"
        self._site.mkdir()
        (self._site / "sitecustomize.py").write_text(_SITE.format(switch=str(self._switch)))

    @property
    def env(self) -> dict[str, str]:
        """What the processes are to be given."""
        return {"PYTHONPATH": str(self._site)}

    @contextmanager
    def forbidden(self) -> Iterator[None]:
        """No process of these can start another one in this block."""
        self._switch.touch()
        try:
            yield
        finally:
            self._switch.unlink()
