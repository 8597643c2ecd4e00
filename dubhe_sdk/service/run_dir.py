"""The folder for the sockets and the task file of one run of the service.

Problem
    It must live as long as the service, which may be weeks. ``/tmp`` is cleaned by age on many
    hosts, and is not writable in a container with a read-only root. What a killed service leaves
    on a volume must not pile up either.

Mechanism
    ``<DUBHE_TEMPORARY>/run/<id>``, and beside it ``<id>.lock``, on which the service holds a lock
    that the kernel drops at its death. A service that starts deletes the folders of dead ones. A
    volume that cannot hold sockets is passed over for the system's folder for temporary files.

Safety
    The lock is taken before the folder is made, so a folder that is in use has a locked file. The
    name is random: nobody else takes a folder for its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dubhe_sdk.errors import DubheError
from dubhe_sdk.process.lock import is_held
from dubhe_sdk.process.socket_path import address

_FOLDER = "run"
_LOCK = ".lock"


class RunDirUnusable(DubheError):
    """There is no folder in which a socket can be made."""


@contextlib.contextmanager
def run_dir(temporary: Path) -> Iterator[Path]:
    """Create the folder; remove it at the end.

    Args:
        temporary: root of the SDK's files.

    Raises:
        RunDirUnusable: a socket can be made neither there nor in the system's temporary folder.
    """
    base = temporary / _FOLDER
    _remove_left_behind(base)
    with contextlib.ExitStack() as at_end:
        yield _create(base, at_end)


def _create(base: Path, at_end: contextlib.ExitStack) -> Path:
    with contextlib.ExitStack() as at_failure:
        try:
            folder = _create_locked(base, at_failure)
        except OSError as error:
            why = error
        else:
            at_end.push(at_failure.pop_all())
            return folder
    try:
        folder = Path(tempfile.mkdtemp(prefix="dubhe-"))
        at_end.callback(shutil.rmtree, folder, ignore_errors=True)
        _check(folder)
    except OSError as error:
        raise RunDirUnusable(
            f"the service needs a folder for its sockets, and has none: {base}: {why.strerror}; "
            f"{tempfile.tempdir or 'the temporary folder'}: {error.strerror}. Mount a writable "
            "volume on one of them, or name another root by DUBHE_TEMPORARY"
        ) from None
    return folder


def _create_locked(base: Path, at_end: contextlib.ExitStack) -> Path:
    base.mkdir(parents=True, exist_ok=True)
    folder = base / os.urandom(6).hex()
    lock = folder.with_suffix(_LOCK)
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    at_end.callback(os.close, fd)
    at_end.callback(lock.unlink, missing_ok=True)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    folder.mkdir(mode=0o700)
    at_end.callback(shutil.rmtree, folder, ignore_errors=True)
    _check(folder)
    return folder


def _check(folder: Path) -> None:
    """Make a socket, as the model process will; some network volumes cannot hold one."""
    path = folder / "check.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock, address(path) as fitting:
        sock.bind(fitting)
    path.unlink()


def _remove_left_behind(base: Path) -> None:
    for lock in base.glob(f"*{_LOCK}"):
        with contextlib.suppress(OSError):  # removed by another service, or not ours to remove
            fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            try:
                if not is_held(fd):
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                    lock.unlink(missing_ok=True)
            finally:
                os.close(fd)
