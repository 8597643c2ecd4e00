"""An address that does not answer a connection attempt, as behind a firewall that drops packets."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def silent(host: str, port: int = 0) -> Iterator[int]:
    """Listen on an address of loopback, with a full queue: the kernel drops what comes next.

    Yields the port.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):  # until one more is not taken
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((host, port))
        yield port
