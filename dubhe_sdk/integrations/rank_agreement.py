"""`RankAgreement`: at a stop, the ranks of a training end after the same batch.

Problem: ranks learn of a stop at different moments. If one leaves after batch 7 while another one
has begun batch 8, that one waits for the gradients of the first until it is killed.

Mechanism: after each batch a rank notes how far it is, in a file of its own beside the task's
request. The first rank that sees a stop reads how far all of them are, and the furthest of these
positions is written down once for all. Each rank ends after the first batch beyond it.

Safety: no rank is beyond the batch at which the others end. One that went on without seeing the
stop had noted its position before the stop could be seen, so the position was read; its next batch
is the first one beyond it, or an earlier one. Nobody waits for anybody: a rank that does not get to
that batch (it validates alone, or its group was started again) ends by itself after two seconds.
Ranks on other machines do not take part.
"""

from __future__ import annotations

import os
import struct
import time
from contextlib import suppress
from pathlib import Path

from dubhe_sdk.api.stopping import TASK_VARIABLE
from dubhe_sdk.api.task_gate import TaskGate

_POSITION = struct.Struct("<q")
_LAST = "last"
_ALONE_AFTER_SECONDS = 2.0  # a task has 5 s for its end, if nothing else is set


class RankAgreement:
    """One rank's part. Can be pickled; the copy has noted nothing.

    Examples:
        >>> agreement = RankAgreement()
        >>> agreement.note(7)                       # after each batch
        >>> if ctx.stopping and agreement.ends_here():
        ...     save()
    """

    def __init__(self) -> None:
        self._rank: _Rank | None = None
        self._stopping_since: float | None = None

    def __reduce__(self) -> tuple[type[RankAgreement], tuple[()]]:
        return RankAgreement, ()

    def note(self, position: int) -> None:
        """Note how far this rank is.

        Args:
            position: grows with each batch, from 0, and means the same in all ranks.
        """
        if self._rank is None or self._rank.pid != os.getpid():
            self._rank = _Rank()
        self._rank.note(position)

    def ends_here(self) -> bool:
        """Return whether this rank ends at the position that it noted last.

        To be asked after `note`, and only if a stop was asked for.
        """
        if self._rank is None:
            return True
        now = time.monotonic()
        if self._stopping_since is None:
            self._stopping_since = now
        return self._rank.is_beyond_last() or now - self._stopping_since > _ALONE_AFTER_SECONDS


class _Rank:
    """The files: ``<task's file>.ranks-<which task>/<PID>`` and ``…/last``."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._position = 0
        task = os.environ.get(TASK_VARIABLE, "")
        gate = TaskGate.of(task) if task else None
        self._folder = None if gate is None else Path(f"{task}.ranks-{gate.inode}-{gate.mtime_ns}")
        self._fd = -1
        if self._folder is not None:
            with suppress(OSError):  # a full disk: each rank ends by itself
                self._folder.mkdir(exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
                self._fd = os.open(self._folder / str(self.pid), flags, 0o666)

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def note(self, position: int) -> None:
        self._position = position
        if self._fd >= 0:
            with suppress(OSError):
                os.pwrite(self._fd, _POSITION.pack(position), 0)

    def is_beyond_last(self) -> bool:
        if self._folder is None or self._fd < 0:
            return True
        try:
            return self._position > self._last(self._folder)
        except OSError:
            return True

    def _last(self, folder: Path) -> int:
        """Return the furthest position at the stop; write it down if nobody has."""
        last = folder / _LAST
        if not last.exists():
            new = folder / f"{_LAST}-{self.pid}"
            new.write_bytes(_POSITION.pack(max(_positions(folder))))
            with suppress(FileExistsError):  # another rank was faster: what it wrote counts
                last.hardlink_to(new)
        return _read(last)


def _positions(folder: Path) -> list[int]:
    """Return the positions of the ranks that live."""
    living = [path for path in folder.iterdir() if Path("/proc", path.name).exists()]
    return [_read(path) for path in living]


def _read(path: Path) -> int:
    """Return a file's position; 0 if its rank has not noted one yet."""
    data = path.read_bytes()
    return int(_POSITION.unpack(data)[0]) if len(data) == _POSITION.size else 0
