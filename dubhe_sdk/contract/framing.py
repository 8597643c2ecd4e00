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


class FrameReader:
    """Reads frames one after another; keeps what arrived beyond the current one."""

    def __init__(self, sock: StreamSocket, limit: int) -> None:
        self._sock = sock
        self._limit = limit
        self._buffer = bytearray()

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
        if not self._buffer:
            chunk = self._sock.recv(_CHUNK)
            if not chunk:
                return None
            size = len(chunk) - LENGTH.size
            # Nearly always: the frame, the whole frame and nothing but the frame.
            if 0 <= size <= self._limit and LENGTH.unpack_from(chunk)[0] == size:
                return chunk[LENGTH.size :]
            self._buffer += chunk
        if not self._fill(LENGTH.size):
            return None
        (length,) = LENGTH.unpack_from(self._buffer)
        if length > self._limit:
            raise FrameTooLarge(length, self._limit)
        end = LENGTH.size + length
        if not self._fill(end):
            return None
        payload = bytes(self._buffer[LENGTH.size : end])
        del self._buffer[:end]
        return payload

    def _fill(self, size: int) -> bool:
        while len(self._buffer) < size:
            missing = size - len(self._buffer)
            chunk = self._sock.recv(min(max(missing, _CHUNK), 1 << 20))
            if not chunk:
                return False
            self._buffer += chunk
        return True
