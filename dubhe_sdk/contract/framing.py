"""Length-prefixed frames over a stream socket.

A frame is a 4-byte big-endian unsigned length and that many bytes. The contract uses it for TCP
(section 3); web, service parent and model use it among themselves over Unix sockets.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Protocol

LENGTH = struct.Struct(">I")

# What a request to a model process and its reply have in common; within the frame.
NUMBER = struct.Struct(">I")

# Both in one piece: what `pack` copies for the number costs more than the rest of a reply.
_NUMBERED_HEAD = struct.Struct(">II")

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


def pack_numbered(number: int, payload: bytes) -> bytes:
    """Return the frame that carries a number and ``payload``.

    Example:
        >>> pack_numbered(7, b"a") == pack(NUMBER.pack(7) + b"a")
        True
    """
    return _NUMBERED_HEAD.pack(NUMBER.size + len(payload), number) + payload


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
        self._whole: deque[bytes] = deque()  # payloads that came together
        self._whole_bytes = 0  # of their frames
        self._buffer = bytearray()  # what has come behind them
        self._has_ended = False

    @property
    def buffered(self) -> int:
        """Bytes of next frames that have arrived."""
        return self._whole_bytes + len(self._buffer)

    def read(self) -> bytes | None:
        """Return the next frame's payload, or None when the peer has closed (even mid-frame).

        Raises:
            FrameTooLarge: the announced length exceeds the limit.
            OSError: the connection broke.
        """
        payload = self.read_at_once()
        if payload is None:
            length = self.read_length()
            if length is not None:
                payload = self.read_payload(length)
        return payload

    def read_at_once(self) -> bytes | None:
        """Return the next frame's payload if it comes in one piece, as nearly always.

        If not, `read_length` and what follows it have what has come.

        Raises:
            OSError: the connection broke.
        """
        if self._whole:
            return self._next_whole()
        if self._buffer:
            return None
        chunk = self._sock.recv(_CHUNK)
        size = len(chunk) - LENGTH.size
        if 0 <= size <= self._limit and LENGTH.unpack_from(chunk)[0] == size:
            return chunk[LENGTH.size :]
        self._has_ended = not chunk
        return self._split(chunk)

    def _split(self, chunk: bytes) -> bytes | None:
        """Take in several frames that came together, or a part of one; return the first if whole.

        One that is too long is left to `read_length`, with what follows it.
        """
        at, size = 0, len(chunk)
        while size - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(chunk, at)
            end = at + LENGTH.size + length
            if end > size or length > self._limit:
                break
            self._whole.append(chunk[at + LENGTH.size : end])
            at = end
        self._whole_bytes = at
        self._buffer += memoryview(chunk)[at:]
        return self._next_whole() if self._whole else None

    def _next_whole(self) -> bytes:
        payload = self._whole.popleft()
        self._whole_bytes -= LENGTH.size + len(payload)
        return payload

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
