"""The wake-up socket: a writer's nudge to the sidecar that there is something to read.

A datagram socket in the spool directory. Nothing depends on it: the sidecar also polls,
and a writer whose nudge finds no socket, or a full one, goes on.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from dubhe_sdk.process.socket_path import open_address

NAME = "wake.sock"


class WakeSender:
    """A writer's end."""

    def __init__(self, directory: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._sock.setblocking(False)
        self._directory_fd, self._address = open_address(directory / NAME)

    def nudge(self) -> None:
        """Wake the sidecar, if that is possible without waiting."""
        with contextlib.suppress(OSError):
            self._sock.sendto(b"\x01", self._address)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
        if self._directory_fd is not None:
            os.close(self._directory_fd)


class WakeReceiver:
    """The sidecar's end.

    Raises:
        OSError: the socket cannot be made in the directory.
    """

    def __init__(self, directory: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._directory_fd, address = open_address(directory / NAME)
        (directory / NAME).unlink(missing_ok=True)
        self._sock.bind(address)
        (directory / NAME).chmod(0o666)
        self._sock.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor, for `selectors`."""
        return self._sock.fileno()

    def clear(self) -> None:
        """Forget the nudges that came so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._sock.recv(16)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
        if self._directory_fd is not None:
            os.close(self._directory_fd)
