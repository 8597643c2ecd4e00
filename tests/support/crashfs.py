"""A file system that crashes: what a directory may look like after a kill or a power cut.

`Recorder` lets the code under test work on a real directory and writes down every change of it and
every sync. Two crashes can be made of that:

* a **kill** ends the process within any of its calls; a write may have been taken in part. All
  that was done before stays, since it is the kernel's.
* a **power cut** keeps what was synced. Of the rest it keeps any combination: of each file's pages
  written since its last sync any subset (the file's length may have grown nevertheless, with zeros
  in between), of the directory's changes (create, link, rename, unlink) since its last sync any
  subset. That is more than POSIX file systems in use permit themselves.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

PAGE = 4096


class Killed(BaseException):
    """The process under test does not get beyond this call."""


@dataclass
class _Change:
    """One change: of a file's data if ``inode`` is not 0, else of the directory."""

    what: str
    inode: int = 0
    offset: int = 0
    data: bytes = b""
    name: str = ""
    other: str = ""


class Recorder:
    """Records the changes of one directory. Use `recording` around the code under test.

    Args:
        directory: exists, and is empty.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._fds: dict[int, int] = {}  # descriptor → inode; -1 for the directory
        self._data: dict[int, bytes] = {}  # inode → what the disk has for certain
        self._names: dict[str, int] = {}  # likewise
        self._changes: list[_Change] = []  # since then, in order
        self._calls_left: int | None = None
        self._part = 0.0
        self._dead = False

    @classmethod
    def of_disk(cls, directory: Path) -> Recorder:
        """Return a recorder of a directory all of which is on the disk for certain."""
        recorder = cls(directory)
        for path in directory.iterdir():
            inode = recorder._names[path.name] = path.stat().st_ino
            recorder._data[inode] = path.read_bytes()
        return recorder

    def kill_after(self, calls: int, part: float = 0.0) -> None:
        """Have the process killed within its call number ``calls`` from now.

        Args:
            calls: how many changes or syncs are still done as a whole.
            part: if the last one is a write, the share of it that is taken, from 0 to 1.
        """
        self._calls_left, self._part = calls, part

    def bury(self) -> None:
        """The killed process is gone; others may go on."""
        self._calls_left, self._dead = None, False

    def power_cut(self, chance: random.Random, target: Path) -> None:
        """Make a directory as the disk may be after a power cut."""
        target.mkdir()
        names = dict(self._names)
        data = {inode: bytearray(content) for inode, content in self._data.items()}
        for change in self._changes:
            if change.inode:
                self._keep_data(chance, data.setdefault(change.inode, bytearray()), change)
            elif chance.random() < 0.5:
                _apply(names, change)
        for name, inode in names.items():
            (target / name).write_bytes(data.get(inode, b""))

    @staticmethod
    def _keep_data(chance: random.Random, content: bytearray, change: _Change) -> None:
        if change.what == "truncate":
            if chance.random() < 0.5:
                content[:] = content[: change.offset].ljust(change.offset, b"\0")
            return
        at, end = change.offset, change.offset + len(change.data)
        while at < end:
            border = min(end, (at // PAGE + 1) * PAGE)
            if chance.random() < 0.5:
                content.extend(bytes(max(0, border - len(content))))
                content[at:border] = change.data[at - change.offset : border - change.offset]
            at = border
        if chance.random() < 0.5:
            content.extend(bytes(max(0, end - len(content))))

    # --- the calls ----------------------------------------------------------------------------

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Replace the calls that change files."""
        with (
            patch.object(os, "open", self._around(os.open, self._open)),
            patch.object(os, "close", self._close(os.close)),
            patch.object(os, "write", self._write(os.write)),
            patch.object(os, "pwrite", self._around(os.pwrite, self._pwrite)),
            patch.object(os, "ftruncate", self._around(os.ftruncate, self._ftruncate)),
            patch.object(os, "fsync", self._around(os.fsync, self._sync)),
            patch.object(os, "fdatasync", self._around(os.fdatasync, self._sync)),
            patch.object(Path, "rename", self._named(Path.rename, "rename")),
            patch.object(Path, "unlink", self._named(Path.unlink, "unlink")),
            patch.object(Path, "hardlink_to", self._named(Path.hardlink_to, "link")),
        ):
            yield

    def _step(self) -> bool:
        """Count a call. Return whether the process is killed within it."""
        if self._dead:
            raise Killed  # a handler that cleans up does not run in a killed process
        if self._calls_left is None:
            return False
        self._calls_left -= 1
        self._dead = self._calls_left < 0
        return self._dead

    def _around(self, real: Callable[..., Any], record: Callable[..., None]) -> Callable[..., Any]:
        def call(first: Any, *rest: Any, **named: Any) -> Any:
            if not self._is_ours(first):
                return real(first, *rest, **named)
            if self._step():
                raise Killed
            before = set(os.listdir(self.directory)) if real.__name__ == "open" else ()
            result = real(first, *rest, **named)
            record(first, rest, result, before)
            return result

        return call

    def _is_ours(self, first: Any) -> bool:
        if isinstance(first, int):
            return first in self._fds
        return Path(first) == self.directory or Path(first).parent == self.directory

    def _open(self, path: Any, rest: Any, fd: int, before: set[str]) -> None:
        if Path(path) == self.directory:
            self._fds[fd] = -1
            return
        inode = self._fds[fd] = os.fstat(fd).st_ino
        name = Path(path).name
        if name not in before:
            self._data.pop(inode, None)  # a number that is used again
            self._changes = [one for one in self._changes if one.inode != inode]
            self._changes.append(_Change("create", name=name, other=str(inode)))

    def _close(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def close(fd: int) -> None:
            self._fds.pop(fd, None)
            real(fd)

        return close

    def _write(self, real: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def write(fd: int, data: Any) -> int:
            if self._fds.get(fd, -1) < 0:
                return real(fd, data)
            killed = self._step()
            if killed:
                data = bytes(data)[: int(len(data) * self._part)]
            written = real(fd, data)
            offset = os.lseek(fd, 0, os.SEEK_CUR) - written
            self._changes.append(_Change("write", self._fds[fd], offset, bytes(data[:written])))
            if killed:
                raise Killed
            return written

        return write

    def _pwrite(self, fd: int, rest: Any, written: int, _before: object) -> None:
        self._changes.append(_Change("write", self._fds[fd], rest[1], bytes(rest[0][:written])))

    def _ftruncate(self, fd: int, rest: Any, _result: None, _before: object) -> None:
        self._changes.append(_Change("truncate", self._fds[fd], rest[0]))

    def _sync(self, fd: int, _rest: Any, _result: None, _before: object) -> None:
        inode = self._fds[fd]
        if inode < 0:
            done = [one for one in self._changes if not one.inode]
            for change in done:
                _apply(self._names, change)
        else:
            done = [one for one in self._changes if one.inode == inode]
            self._data[inode] = Path(f"/proc/self/fd/{fd}").read_bytes()  # it may be write-only
        self._changes = [one for one in self._changes if one not in done]

    def _named(self, real: Callable[..., Any], what: str) -> Callable[..., Any]:
        def call(path: Path, *rest: Any, **named: Any) -> Any:
            if path.parent != self.directory:
                return real(path, *rest, **named)
            if self._step():
                raise Killed
            existed = os.path.lexists(path)
            result = real(path, *rest, **named)
            if existed or what == "link":
                other = Path(rest[0]).name if rest and what != "unlink" else ""
                self._changes.append(_Change(what, name=path.name, other=other))
            return result

        return call


def _apply(names: dict[str, int], change: _Change) -> None:
    """Do a change of the directory, if what it needs is there."""
    if change.what == "create":
        names[change.name] = int(change.other)
    elif change.what == "unlink":
        names.pop(change.name, None)
    elif change.what == "link" and change.other in names:
        names[change.name] = names[change.other]
    elif change.what == "rename" and change.name in names:
        names[change.other] = names.pop(change.name)
