"""`Client`: whether anybody still waits for the reply to a request."""

from __future__ import annotations

import socket
from typing import Protocol

# States of tcpi_state, the first byte of TCP_INFO: include/net/tcp_states.h of Linux.
_ESTABLISHED = 1
_CLOSE = 7


class ConnectedSocket(Protocol):
    """What is needed of a socket; both the standard library's and gevent's have it."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """Return an option of the socket."""


class Client(Protocol):
    """Who has sent a request."""

    def has_gone(self) -> bool:
        """Return whether nobody would take the reply."""

    def others_have_come(self) -> bool:
        """Return whether requests of others have arrived that were not read yet."""


def is_reset(sock: ConnectedSocket) -> bool:
    """Return whether the other end has reset the connection: it takes nothing any more."""
    return _state(sock) == _CLOSE


def is_closed(sock: ConnectedSocket) -> bool:
    """Return whether the other end has closed or reset the connection.

    One that has only said that it sends no more looks the same.
    """
    return _state(sock) != _ESTABLISHED


def _state(sock: ConnectedSocket) -> int:
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:  # closed on this side: nothing can be sent by it
        return _CLOSE
