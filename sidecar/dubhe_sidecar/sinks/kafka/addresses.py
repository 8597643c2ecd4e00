"""Connects kafka-python to every address of a broker's name, and keeps what failed where.

Problem: a name may have several addresses (several brokers behind one name, IPv6 and IPv4, a
proxy that is away). kafka-python 3.0 tries them in order under one deadline: a first one that is
silent uses all of it up, at every attempt, and the others are never tried. And it logs neither the
address that it tried nor which broker it was of, so a broker that announces an address which
cannot be reached from here looks like one that is down.

Mechanism: kafka-python makes its sockets by a class that its setting ``proxy_url`` selects by the
scheme of a URL. `_AddressSocket` is such a class without a proxy: it gives each address a share of
the time that is left, puts addresses that failed behind the others the next time, and notes each
outcome with the `Addresses` that the URL names.

Safety: only the choice of the address changes. The name stays what TLS checks the certificate
against, and what SASL uses.

``KafkaNetSocket`` is not documented: the upper bound of kafka-python in ``pyproject.toml`` keeps
out releases in which it may differ, and tests connect through it.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import time
import uuid
import weakref
from collections.abc import Collection, Sequence
from typing import Any

from kafka.errors import KafkaConnectionError, KafkaTimeoutError
from kafka.net.inet import KafkaNetSocket

from dubhe_sidecar.sinks.base import OutageCode, OutageReason
from dubhe_sidecar.sinks.kafka.settings import Server

SHARE_MAX_S = 3.0  # for an address that is not the last one: three attempts of TCP fit in
_SCHEME = "dubhe-addresses"
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})

logger = logging.getLogger("kafka.addresses")  # read like kafka-python's own log


class Addresses:
    """What is known of the brokers' addresses. One for all connections of a sink.

    `url` is kafka-python's ``proxy_url``.
    """

    def __init__(self) -> None:
        self.url = f"{_SCHEME}://{uuid.uuid4().hex}"
        self._suspect: set[tuple[Any, ...]] = set()
        self._failures: dict[Server, OutageReason] = {}
        _known[self.url] = self

    @property
    def failures(self) -> dict[Server, OutageReason]:
        """The brokers that could not be connected to at the last attempt, and why."""
        return dict(self._failures)

    def keep_failures_of(self, servers: Collection[Server]) -> None:
        """Forget what failed at brokers that the cluster does not announce any more."""
        for server in self._failures.keys() - set(servers):
            self._failures.pop(server, None)

    def in_order(self, found: list[Any]) -> list[Any]:
        """Return addresses, those that failed last time behind the others."""
        return sorted(found, key=lambda info: info[4] in self._suspect)

    def note_failed(self, server: Server, reason: OutageReason) -> None:
        """Note that no address of a broker works."""
        self._failures[server] = reason

    def note_connected(self, server: Server, address: tuple[Any, ...]) -> None:
        """Note that an address works."""
        self._suspect.discard(address)
        self._failures.pop(server, None)

    def suspect(self, address: tuple[Any, ...]) -> None:
        """Note that an address does not work: others of its name are tried before it."""
        self._suspect.add(address)


_known: weakref.WeakValueDictionary[str, Addresses] = weakref.WeakValueDictionary()


class _AddressSocket(KafkaNetSocket):  # type: ignore[misc]
    """Connects to one broker; made by kafka-python for each connection."""

    SCHEMES = (_SCHEME,)

    def __init__(self, proxy_url: str) -> None:
        super().__init__(proxy_url)
        self._addresses = _known[proxy_url]
        self._server = Server(("", 0))
        self._left = 0
        self._reasons: list[OutageReason] = []

    def dns_lookup(self, host: str, port: int, raise_error: bool = False) -> list[Any]:
        """Return the addresses, those that are likely to work first."""
        self._server = Server((host, port))
        try:
            found = socket.getaddrinfo(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM)
        except socket.gaierror as error:
            self._addresses.note_failed(self._server, unresolved(error))
            text = f"DNS lookup failed for {self._server}, {error!r}"
            if raise_error:
                raise KafkaConnectionError(text) from error
            logger.warning(text)
            return []
        self._left = len(found)
        return self._addresses.in_order(found)

    async def connect(
        self, net: Any, addrinfo: Any, socket_options: Any = (), timeout_at: float | None = None
    ) -> socket.socket:
        """Connect to one address, leaving time for those behind it.

        Raises:
            KafkaConnectionError: it does not work.
        """
        address = addrinfo[4]
        self._left -= 1
        until = timeout_at
        if self._left > 0:
            now = time.monotonic()
            share = SHARE_MAX_S
            if timeout_at is not None:
                share = min(share, (timeout_at - now) / (self._left + 1))
            until = now + share
        # Raised outside of the handlers: kafka-python keeps errors in a circle with their frames,
        # and in the frame of its own error there is a socket, open until the next collection.
        failure: KafkaConnectionError
        try:
            connected: socket.socket = await super().connect(
                net, addrinfo, socket_options, timeout_at=until
            )
        except KafkaTimeoutError as error:
            self._note_failed(address, TimeoutError(str(error)))
            failure = KafkaConnectionError(f"{self._server}: Connection timed out")
        except KafkaConnectionError as error:
            self._note_failed(address, _as_os_error(error))
            failure = KafkaConnectionError(*error.args)
        else:
            self._addresses.note_connected(self._server, address)
            return connected
        raise failure

    def _note_failed(self, address: tuple[Any, ...], error: OSError) -> None:
        self._addresses.suspect(address)
        self._reasons.append(failed(self._server, address, error))
        if self._left == 0:
            self._addresses.note_failed(self._server, combined(self._reasons))


def unresolved(error: socket.gaierror) -> OutageReason:
    """Return why a name has no address."""
    return OutageReason(OutageCode.NAME, f"the name cannot be resolved ({error.strerror})")


def failed(server: Server, address: tuple[Any, ...], error: OSError) -> OutageReason:
    """Return why an address does not work; the address is named unless it is the host itself."""
    if isinstance(error, TimeoutError):
        code, text = OutageCode.UNREACHABLE, "no answer to a connection attempt"
    elif error.errno == errno.ECONNREFUSED:
        code, text = OutageCode.REFUSED, "connection refused"
    else:
        code = OutageCode.UNREACHABLE if error.errno in _NO_ROUTE else OutageCode.OTHER
        text = (error.strerror or str(error)).lower()
    at = "" if address[0] == server[0] else f" at {Server((address[0], address[1]))}"
    return OutageReason(code, text + at)


def combined(reasons: Sequence[OutageReason]) -> OutageReason:
    """Return why none of several addresses works; the code is of the last one."""
    return OutageReason(reasons[-1].code, ", ".join(dict.fromkeys(one.text for one in reasons)))


def _as_os_error(error: KafkaConnectionError) -> OSError:
    """Return the error of the system that kafka-python's text begins with: ``111 ECONNREFUSED``."""
    text = str(error.args[0]) if error.args else ""
    number = text.partition(" ")[0]
    if not number.isdigit():
        return OSError(text)
    return OSError(int(number), os.strerror(int(number)))
