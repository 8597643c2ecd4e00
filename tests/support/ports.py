"""Ports that no other test, and no client's connection, can take meanwhile."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path


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


def private_ports(count: int) -> list[int]:
    """Return ports for servers that do not set SO_REUSEADDR, and so cannot have a reserved one.

    They are below those that the kernel gives to clients and to whoever lets it choose. Processes
    of the tests look for theirs at places of their own.
    """
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    lowest, found = 10_000, []
    for number in range(first - lowest):
        port = lowest + (os.getpid() * 100 + number) % (first - lowest)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("0.0.0.0", port))
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"{count} ports from {lowest} to {first} are not free")
