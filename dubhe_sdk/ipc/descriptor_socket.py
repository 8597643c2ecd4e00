"""`DescriptorSocket`: the receiving end of a Unix socket by which descriptors come too."""

from __future__ import annotations

import array
import errno
import os
import select
import socket
from collections import deque

# SCM_MAX_FD of include/net/scm.h of Linux: so many can go with one message.
MOST_DESCRIPTORS = 253

# As plain numbers: a flag of the standard library's, an enumeration, makes a new member when it is
# combined with another, which took a twentieth of what the model process does for a request.
_CLOSE_ON_EXEC = int(socket.MSG_CMSG_CLOEXEC)
_TRUNCATED = int(socket.MSG_CTRUNC)

_SPACE = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)


class DescriptorSocket:
    """Receives bytes, and keeps the descriptors that come with them in their order.

    Args:
        sock: a Unix stream socket, which stays its owner's.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._descriptors: deque[int] = deque()
        self.has_lost = False
        """Whether some did not come, since this process has as many open files as it may."""
        self.sendall = sock.sendall
        # The kernel wakes who is in recvmsg of a Unix stream also when the other end has read what
        # was sent to it: with one client, a second wake-up for each request. In poll it does not.
        readable = select.poll()
        readable.register(sock, select.POLLIN)
        self._wait = readable.poll

    def recv(self, size: int, /) -> bytes:
        """Receive at most ``size`` bytes; empty at the end of the stream.

        Raises:
            OSError: the connection broke.
        """
        self._wait()
        data, ancillary, flags, _ = self._sock.recvmsg(size, _SPACE, _CLOSE_ON_EXEC)
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors = array.array("i")
                descriptors.frombytes(content[: len(content) - len(content) % 4])
                self._descriptors.extend(descriptors)
        if flags & _TRUNCATED:
            self.has_lost = True
        return data

    def take(self) -> int:
        """Return the descriptor that came first; it is the caller's from now on.

        Raises:
            IndexError: none has come.
            OSError: some were lost, so it is unknown which one this is.
        """
        if self.has_lost:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self._descriptors.popleft()

    def close_descriptors(self) -> None:
        """Close those that nobody has taken, and forget that some were lost."""
        self.has_lost = False
        while self._descriptors:
            os.close(self._descriptors.popleft())


def ancillary(descriptors: list[int]) -> list[tuple[int, int, array.array[int]]]:
    """Return what `socket.sendmsg` sends descriptors with.

    Args:
        descriptors: at most `MOST_DESCRIPTORS`.
    """
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
