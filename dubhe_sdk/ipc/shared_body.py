"""`SharedBody`: a long request in memory that the web front and the model process share.

Problem: a picture in base64 is 20 MB of JSON. By a socket from one process to the other it is
copied into the kernel and out again, in pieces of what the socket's buffer holds, and each
process has it several times over.

Mechanism: the web front writes the request into a memory file (memfd_create(2)), piece by piece as
it comes, and passes its descriptor (SCM_RIGHTS, unix(7)) where the request's JSON would be. The
model process maps the file and parses it there. The file is the only whole copy beside the objects
that are made of it, and the text for a parser that needs one. The pieces go through a buffer that
stays in the processor's cache: to receive into the mapped file takes twice the time, for the faults
of its pages. It is the same one for all bodies: clients that announce a long request and send
nothing of it hold no memory.

Safety: the web front writes the file before it passes the descriptor and never after, so nobody
reads what is being changed. The file has no name: when both processes have closed it, or died, its
memory is free. A request that another model process gets after one has died is the same file again.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
from collections.abc import Callable, Iterator

# Shorter ones go by the socket: to make, map and pass a file costs as much as to copy so much.
SHARED_FROM_BYTES = 256 * 1024

_SIZE = struct.Struct(">Q")
_MARK = b"\0"  # no JSON in UTF-8 begins so
_STEP_BYTES = 256 * 1024

_buffer: memoryview | None = None  # made when the first body is received


class SharedBody:
    """A request's bytes. Close it when the request is answered.

    Args:
        descriptor: of the file, which is owned from now on.
        size: in bytes.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self._size = size
        self.request_number = b""
        """``request_number`` as JSON, once the model process has found it; empty if none."""

    @classmethod
    def create(cls, size: int) -> SharedBody:
        """Return an empty one.

        Raises:
            OSError: the kernel has no memory file or no descriptor left.
        """
        descriptor = os.memfd_create("dubhe-request", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, size)
        except OSError:
            os.close(descriptor)
            raise
        return cls(descriptor, size)

    @classmethod
    def received(cls, message: bytes, descriptor: int) -> SharedBody:
        """Return the one that a `message` stands for."""
        return cls(descriptor, _SIZE.unpack_from(message, len(_MARK))[0])

    @staticmethod
    def is_message(body: bytes) -> bool:
        """Return whether this stands for a shared body, and is no JSON itself."""
        return body[:1] == _MARK

    @property
    def message(self) -> bytes:
        """What goes by the socket in its place."""
        return _MARK + _SIZE.pack(self._size)

    def __len__(self) -> int:
        return self._size

    def fill(self, begun: bytes, recv_into: Callable[[memoryview], int]) -> int:
        """Receive the bytes.

        Args:
            begun: the first of them, which have come already.
            recv_into: puts further ones into a buffer and returns how many, 0 at the end. It may
                let others run before that, and not afterwards: all bodies have the same buffer.

        Returns:
            How many there are: fewer than its size if the stream ended.
        """
        at = self._write(memoryview(begun), 0)
        global _buffer
        if _buffer is None:
            _buffer = memoryview(bytearray(_STEP_BYTES))
        buffer = _buffer
        while at < self._size:
            count = recv_into(buffer[: self._size - at])
            if not count:
                break
            at = self._write(buffer[:count], at)
        return at

    def _write(self, data: memoryview, at: int) -> int:
        """Write at a place; return where it ends."""
        while data:
            count = os.pwrite(self.descriptor, data, at)
            data, at = data[count:], at + count
        return at

    def read(self) -> bytes:
        """Return a copy."""
        return os.pread(self.descriptor, self._size, 0)

    def edges(self, size: int) -> bytes:
        """Return the first and the last ``size`` bytes."""
        last = max(size, self._size - size)
        return os.pread(self.descriptor, size, 0) + os.pread(self.descriptor, size, last)

    @contextlib.contextmanager
    def view(self) -> Iterator[memoryview]:
        """Yield its bytes, which are not copied."""
        with (
            mmap.mmap(self.descriptor, self._size, prot=mmap.PROT_READ) as memory,
            memoryview(memory) as view,
        ):
            yield view

    def text(self) -> str:
        """Return the text of its JSON, decoded as `json.loads` decodes bytes.

        Raises:
            UnicodeDecodeError: it is not in the coding in which it begins.
        """
        with self.view() as view:
            return str(view, json.detect_encoding(bytes(view[:4])), "surrogatepass")

    def close(self) -> None:
        """Close the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
