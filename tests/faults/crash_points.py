"""``dubhe`` whose sidecar kills itself, by SIGKILL, at a chosen step of delivery.

Nothing of the product is changed for it: the interpreter shows every ``open``, ``rename``,
``link``, ``unlink`` and ``truncate`` before it is done (`sys.addaudithook`), and ``os.write``,
``os.fsync`` and the sockets' ``send`` and ``recv`` are wrapped from outside.

``FAULTS_CRASH_POINT`` names the step. ``FAULTS_TRIGGERS`` is a folder of files, each of which lets
one process die; its text shows at which pass of the step. A process takes one away as it dies, so
the sidecar survives when none is left.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults import short_timeouts

CRASH_POINT_VARIABLE, TRIGGERS_VARIABLE = "FAULTS_CRASH_POINT", "FAULTS_TRIGGERS"
_SPARE, _CURSOR, _OLD = ".cursor.json.new", "cursor.json", ".cursor.json.old"
_LETTERS = "dead-letters.jsonl"
_RECORD = b"dubhe-seq"  # a request that holds it carries records

# Steps in the order in which a record comes past them.
CRASH_POINTS = (
    "before records are sent",
    "after records were sent",
    "after the acknowledgement was received",
    "before the cursor is written",
    "in the middle of the cursor",
    "before the cursor is synced",
    "before the cursor is renamed",
    "after the cursor was renamed",
    "before a delivered segment is unlinked",
    "after a delivered segment was unlinked",
)
DEAD_LETTER_CRASH_POINTS = (
    "before a dead letter is written",
    "in the middle of a dead letter",
    "before a dead letter is synced",
)


class CrashTrigger:
    """Counts passes of the step, and kills this process at the one that is given."""

    def __init__(self, step: str, folder: Path) -> None:
        self.step = step
        self._file = min(folder.iterdir(), default=None)
        self._left = int(self._file.read_text()) if self._file else 0

    def passes(self, step: str) -> bool:
        """Count a pass; return whether this is where the process is to die."""
        if step != self.step or self._file is None:
            return False
        self._left -= 1
        return self._left == 0

    def crash(self) -> None:
        """Die."""
        file, self._file = self._file, None
        if file is not None:
            file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)

    def reach(self, step: str) -> None:
        """Count a pass, and die if it is the one."""
        if self.passes(step):
            self.crash()


def _watch_files(trigger: CrashTrigger) -> None:
    """Learn from the interpreter what is about to be done to which file."""
    unlinked: set[int] = set()  # threads that have just unlinked a segment

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not event.startswith(("open", "os.")):
            return
        if threading.get_ident() in unlinked:  # whatever it does next, the file is gone
            unlinked.discard(threading.get_ident())
            trigger.reach("after a delivered segment was unlinked")
        names = [os.path.basename(str(one)) for one in arguments[:2]]  # noqa: PTH119 - also fds
        if event == "open" and arguments[1] is None:  # `os.open`, not a reader's `open`
            if names[0] == _SPARE:
                trigger.reach("before the cursor is written")
            elif names[0] == _LETTERS:
                trigger.reach("before a dead letter is written")
        elif event == "os.rename" and names == [_SPARE, _CURSOR]:
            trigger.reach("before the cursor is renamed")
        elif event == "os.rename" and names == [_OLD, _SPARE]:
            trigger.reach("after the cursor was renamed")
        elif event == "os.remove" and names[0].endswith(".seg"):
            trigger.reach("before a delivered segment is unlinked")
            unlinked.add(threading.get_ident())

    sys.addaudithook(hook)


def _watch_writes(trigger: CrashTrigger) -> None:
    """Tear what is written to the cursor and to the dead letters; die before it is synced."""
    write, fsync = os.write, os.fsync

    def name_of(fd: int) -> str:
        return os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))  # noqa: PTH115, PTH119

    def tearing(fd: int, data: bytes) -> int:
        steps = {_SPARE: "in the middle of the cursor", _LETTERS: "in the middle of a dead letter"}
        step = steps.get(name_of(fd))
        if step and trigger.passes(step):
            write(fd, data[: len(data.rstrip()) // 2])
            trigger.crash()
        return write(fd, data)

    def dying(fd: int) -> None:
        steps = {_SPARE: "before the cursor is synced", _LETTERS: "before a dead letter is synced"}
        if name_of(fd) in steps:
            trigger.reach(steps[name_of(fd)])
        fsync(fd)

    os.write = tearing  # type: ignore[assignment]
    os.fsync = dying  # type: ignore[assignment]


def _watch_sockets(trigger: CrashTrigger) -> None:
    class Socket(socket.socket):
        """Knows whether it carries records whose acknowledgement has not come."""

        carries = False

        def send(self, data: Any, *flags: Any) -> int:
            carries = _RECORD in bytes(data)
            if carries:
                trigger.reach("before records are sent")
            sent = super().send(data, *flags)
            if carries and sent == len(data):
                self.carries = True
                trigger.reach("after records were sent")
            return sent

        def recv(self, *arguments: Any) -> bytes:
            data = super().recv(*arguments)
            if self.carries and data:
                self.carries = False
                trigger.reach("after the acknowledgement was received")
            return data

    socket.socket = Socket  # type: ignore[misc]


def arm() -> None:
    """Watch this process, as the environment reports."""
    trigger = CrashTrigger(os.environ[CRASH_POINT_VARIABLE], Path(os.environ[TRIGGERS_VARIABLE]))
    _watch_files(trigger)
    _watch_writes(trigger)
    _watch_sockets(trigger)


def set_triggers(folder: Path, passes: Sequence[int]) -> None:
    """Have so many sidecars die one after another, each at its pass of the step."""
    folder.mkdir()
    for index, at in enumerate(passes):
        (folder / str(index)).write_text(str(at))


def main(argv: list[str]) -> int:
    """Run a command as `dubhe` does; the sidecar with a trigger, and with short time limits."""
    if argv[:1] == ["sidecar"]:
        arm()
    return short_timeouts.main(argv)
