"""Disks that are too small, over quota, without inodes or suddenly read-only: real file systems.

All need root, and loop devices for some.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.dubhe_sdk.spool.helpers import MIB


def run(*command: object) -> None:
    """Run a command of the system's administrator.

    Raises:
        AssertionError: it failed; the text reports what it reported.
    """
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, (
        f"{command[0]} failed: {done.stderr.strip()}. These tests make file systems: run them as "
        "root, in a container with --privileged (loop devices), on a kernel with ext4 and btrfs"
    )


@contextlib.contextmanager
def image(folder: Path, kind: str, mib: int, *options: str) -> Iterator[Path]:
    """Make a file system of a kind (ext4, btrfs) in a file, and mount it."""
    folder.mkdir(parents=True, exist_ok=True)
    file, target = folder / f"{kind}.img", folder / kind
    with file.open("wb") as raw:
        raw.truncate(mib * MIB)
    run(f"mkfs.{kind}", "-q", *options, file)
    target.mkdir()
    with _mounted(file, target):
        yield target


@contextlib.contextmanager
def again(folder: Path, kind: str) -> Iterator[Path]:
    """Mount once more what `image` had made, as a repaired disk."""
    with _mounted(folder / f"{kind}.img", folder / kind):
        yield folder / kind


@contextlib.contextmanager
def _mounted(file: Path, target: Path) -> Iterator[None]:
    run("mount", "-o", "loop", file, target)
    try:
        yield
    finally:
        run("umount", target)


@contextlib.contextmanager
def with_quota(folder: Path, mib: int) -> Iterator[Path]:
    """Make a folder that may hold so much on a disk that has more."""
    with image(folder, "btrfs", 128, "--mixed") as disk:
        # What is deleted counts until the next commit, every 30 s otherwise.
        run("mount", "-o", "remount,commit=1", disk)
        limited = disk / "limited"
        run("btrfs", "quota", "enable", disk)
        run("btrfs", "subvolume", "create", limited)
        run("btrfs", "qgroup", "limit", f"{mib}M", limited)
        yield limited


def make_read_only(disk: Path) -> None:
    """Do to an ext4 what an I/O error does: from now on it takes no writes, open files included."""
    # An ordinary remount is refused as long as somebody may write to it. mount(8) fails with the
    # file system in just the state that is wanted.
    subprocess.run(["mount", "-o", "remount,abort", str(disk)], capture_output=True, check=False)


@contextlib.contextmanager
def filled(disk: Path, leave: int = 0) -> Iterator[None]:
    """Fill a disk with somebody else's file, up to so many bytes; they go away at the end."""
    path = disk / "foreign"
    try:
        with path.open("wb", buffering=0) as file:
            for size in (MIB, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
            if leave:
                file.truncate(file.tell() - leave)
        yield
    finally:
        path.unlink(missing_ok=True)
