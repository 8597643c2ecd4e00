"""A user whom the machine does not know, and a read-only root, as container platforms have them.

Both need root.
"""

from __future__ import annotations

from pathlib import Path

UNKNOWN_UID = 54321
# May read whatever root may, since the interpreter may lie below root's home; but not write.
AS_UNKNOWN_USER = [
    *("setpriv", f"--reuid={UNKNOWN_UID}", f"--regid={UNKNOWN_UID}", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"),
    *("--bounding-set=-all,+dac_read_search", "env", "--unset=HOME"),
]
"""What stands before a command."""


_READ_ONLY_ROOT = (
    'until [ "$1" = -- ]; do mount --bind "$1" "$1"; shift; done; shift\n'
    "mount -o remount,bind,ro /\n"
    'exec "$@"'
)


def in_read_only_root(*writable: Path) -> list[str]:
    """Return what stands before a command whose root file system is to be read-only.

    Args:
        writable: folders that stay writable, as volumes are.
    """
    return ["unshare", "--mount", "sh", "-ec", _READ_ONLY_ROOT, "sh", *map(str, writable), "--"]
