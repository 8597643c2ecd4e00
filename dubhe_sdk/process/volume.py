"""On which volume a folder lies, so that errors about the disk can name it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


class Volume(NamedTuple):
    """A mounted file system. Its text is what errors show."""

    mount_point: str
    type: str
    """The kernel's name of the file system: ``ext4``, ``nfs4``, ``fuse.s3fs`` …"""
    source: str
    """What is mounted: a device, or ``server:/export``."""

    def __str__(self) -> str:
        return f"{self.mount_point} (file system {self.type}, from {self.source})"


def volume_of(folder: Path) -> Volume | None:
    """Return the volume of an existing folder; None where ``/proc`` does not tell.

    Example:
        >>> volume_of(Path("/proc"))
        Volume(mount_point='/proc', type='proc', source='proc')
    """
    try:
        device = folder.stat().st_dev
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
        path = folder.resolve()
    except OSError:
        return None
    wanted = f"{os.major(device)}:{os.minor(device)}"
    found: tuple[bool, int, Volume] | None = None
    for line in lines:
        # 36 35 98:0 /root /mount/point rw,noatime master:1 - ext4 /dev/root rw,errors=continue
        fields, _, rest = line.partition(" - ")
        _, _, number, _, point, *_ = fields.split(" ")
        kind, source, *_ = rest.split(" ")
        volume = Volume(_unescaped(point), kind, _unescaped(source))
        if path.is_relative_to(volume.mount_point):
            # The longest mount point counts; of several mounts on it the last. btrfs gives files
            # another device than its mount has, so the device only decides where it is known.
            rank = (number == wanted, len(volume.mount_point), volume)
            if found is None or rank[:2] >= found[:2]:
                found = rank
    return found[2] if found else None


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
