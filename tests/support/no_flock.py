"""Runs a command on a kernel where flock(2) fails with an error, or does nothing (0).

``python -m tests.support.no_flock ERRNO COMMAND…``. As on a network volume without locks, for the
command and all that it starts: a seccomp filter, which needs no rights.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

_FLOCK = {"x86_64": 73, "aarch64": 32}[platform.machine()]
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_MODE_FILTER = 2
_RETURN_ERRNO, _RETURN_ALLOW = 0x00050000, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse(error: int) -> None:
    """Have every flock of this process and its children return ``-error``."""
    steps = (
        (0x20, 0, 0, 0),  # load the number of the system call
        (0x15, 0, 1, _FLOCK),  # skip one step unless it is flock
        (0x06, 0, 0, _RETURN_ERRNO | error),
        (0x06, 0, 0, _RETURN_ALLOW),
    )
    code = b"".join(struct.pack("<HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(steps), code)
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program)),
    ):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
