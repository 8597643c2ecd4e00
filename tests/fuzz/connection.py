"""A client's connection that may behave badly, and never waits for ever."""

from __future__ import annotations

import contextlib
import socket
import struct
from random import Random
from types import TracebackType

from tests.fuzz.replies import BOUND_SECONDS, Bytes, check

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by a reset


class Connection:
    """Use as a context manager.

    Args:
        port: of the service, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=BOUND_SECONDS)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes = Bytes(self._sock)
        self.rest = b""
        """What came after `end`, up to the end of the stream."""

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sock.close()

    def check(self, body: bytes) -> None:
        """Check a reply."""
        check(body)

    def send_cut(self, data: bytes, random: Random) -> None:
        """Send bytes in one piece or in some, cut anywhere."""
        cuts = sorted(random.choices(range(len(data) + 1), k=random.choice((0, 0, 0, 1, 3))))
        for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            self._sock.sendall(data[begin:end])

    def send_or_lose(self, data: bytes, random: Random) -> None:
        """Send bytes that the service may answer by closing before it has read them."""
        with contextlib.suppress(ConnectionError):
            self.send_cut(data, random)

    def end(self, random: Random) -> None:
        """Reset, or say that no more comes and wait for the service to close."""
        if random.random() < 0.1:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        with contextlib.suppress(OSError):  # closed by the service already
            self._sock.shutdown(socket.SHUT_WR)
        self.rest = self.bytes.rest()
