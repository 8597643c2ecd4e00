"""Ports that no other test, and no client's connection, can take meanwhile."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Yield a port for a server that sets SO_REUSEADDR.

    A socket that is bound but does not listen keeps the kernel from giving the port to anybody
    who lets it choose, and lets a server which names the port listen there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", 0))
        yield sock.getsockname()[1]
