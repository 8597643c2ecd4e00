"""Length-prefixed frames over a stream socket.

A frame is a 4-byte big-endian unsigned length and that many bytes. The contract uses it for TCP
(section 3); web, service parent and model use it among themselves over Unix sockets.
"""

from __future__ import annotations

import struct
from typing import Protocol

LENGTH = struct.Struct(">I")

# What a request to a model process and its reply have in common; within the frame.
NUMBER = struct.Struct(">I")

_CHUNK = 65536


class FrameTooLarge(Exception):
    """The announced length exceeds the limit; the stream cannot be read on."""

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"a frame announces {length} bytes, at most {limit} are accepted")
        self.length = length
        self.limit = limit


class StreamSocket(Protocol):
    """What is needed of a socket; both the standard library's and gevent's have it."""

    def recv(self, size: int, /) -> bytes:
        """Receive at most ``size`` bytes; empty at the end of the stream."""

    def sendall(self, data: bytes, /) -> None:
        """Send everything."""


def pack(payload: bytes) -> bytes:
    """Return the frame that carries ``payload``."""
    return LENGTH.pack(len(payload)) + payload


def unpack_all(frames: bytes) -> list[bytes]:
    """Return the payloads of frames that are there as a whole.

    Example:
        >>> unpack_all(pack(b"a") + pack(b"bc"))
        [b'a', b'bc']
    """
    payloads, at = [], 0
    while at < len(frames):
        end = at + LENGTH.size + LENGTH.unpack_from(frames, at)[0]
        payloads.append(frames[at + LENGTH.size : end])
        at = end
    return payloads


def unpack_first(frames: bytes) -> tuple[bytes, bytes]:
    """Return the payload of the first frame, and what follows it.

    Example:
        >>> unpack_first(pack(b"a") + b"bc")
        (b'a', b'bc')
    """
    end = LENGTH.size + LENGTH.unpack_from(frames)[0]
    return frames[LENGTH.size : end], frames[end:]


class FrameReader:
    """Reads frames one after another; keeps what arrived beyond the current one."""

    def __init__(self, sock: StreamSocket, limit: int) -> None:
        self._sock = sock
        self._limit = limit
        self._buffer = bytearray()
        self._has_ended = False

    @property
    def buffered(self) -> int:
        """Bytes of a next frame that have arrived."""
        return len(self._buffer)

    def read(self) -> bytes | None:
        """Return the next frame's payload, or None when the peer has closed (even mid-frame).

        Raises:
            FrameTooLarge: the announced length exceeds the limit.
            OSError: the connection broke.
        """
        payload = self._next_of_buffer() if self._buffer else self.read_at_once()
        if payload is None:
            length = self.read_length()
            if length is not None:
                payload = self.read_payload(length)
        return payload

    def read_at_once(self) -> bytes | None:
        """Return the next frame's payload if it comes alone and in one piece, as nearly always.

        If not, `read_length` and what follows it have what has come.

        Raises:
            OSError: the connection broke.
        """
        if self._buffer:
            return None
        chunk = self._sock.recv(_CHUNK)
        size = len(chunk) - LENGTH.size
        if 0 <= size <= self._limit and LENGTH.unpack_from(chunk)[0] == size:
            return chunk[LENGTH.size :]
        self._buffer += chunk
        self._has_ended = not chunk
        return None

    def read_length(self) -> int | None:
        """Return the length of the next frame's payload, or None at the end of the stream.

        Raises:
            FrameTooLarge: it exceeds the limit.
            OSError: the connection broke.
        """
        if not self._fill(LENGTH.size):
            return None
        (length,) = LENGTH.unpack_from(self._buffer)
        if length > self._limit:
            raise FrameTooLarge(length, self._limit)
        del self._buffer[: LENGTH.size]
        return int(length)

    def read_payload(self, length: int) -> bytes | None:
        """Return a payload after its `read_length`; None at the end of the stream.

        Raises:
            OSError: the connection broke.
        """
        return self.take(length) if self._fill(length) else None

    def take(self, most: int) -> bytes:
        """Return up to so many bytes of what has come."""
        taken = bytes(memoryview(self._buffer)[:most])
        del self._buffer[:most]
        return taken

    def _next_of_buffer(self) -> bytes | None:
        """Return the next frame's payload if it is there as a whole, as of several sent at once."""
        if len(self._buffer) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._buffer)
        end = LENGTH.size + length
        if end > len(self._buffer) or length > self._limit:
            return None
        payload = bytes(memoryview(self._buffer)[LENGTH.size : end])
        del self._buffer[:end]
        return payload

    def _fill(self, size: int) -> bool:
        while len(self._buffer) < size:
            if self._has_ended:
                return False
            missing = size - len(self._buffer)
            chunk = self._sock.recv(min(max(missing, _CHUNK), 1 << 20))
            if not chunk:
                return False
            self._buffer += chunk
        return True
