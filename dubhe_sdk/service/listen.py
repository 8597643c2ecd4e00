"""The socket the service listens on, opened by the parent so that it outlives the web front."""

from __future__ import annotations

import errno
import socket

from dubhe_sdk.errors import DubheError

_BACKLOG = 2048


class PortUnavailable(DubheError):
    """The port cannot be listened on."""


def listen(port: int) -> socket.socket:
    """Listen on all interfaces.

    Raises:
        PortUnavailable: another process has the port, or it needs rights; the text says so.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("0.0.0.0", port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            why = "another process is listening there: stop it, or name another port by PORT"
        else:
            why = f"{error.strerror}: name another port by PORT"
        raise PortUnavailable(f"port {port} cannot be listened on: {why}") from None
    return sock
