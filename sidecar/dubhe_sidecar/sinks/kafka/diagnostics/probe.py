"""Whether any broker accepts a connection at all, asked of the network itself."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from dubhe_sidecar.sinks.base import OutageCode, OutageReason
from dubhe_sidecar.sinks.kafka.settings import Server

TIMEOUT_S = 2.0
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})
# Of several brokers' codes, the one listed first counts.
_ORDER = (OutageCode.NAME, OutageCode.REFUSED, OutageCode.UNREACHABLE, OutageCode.OTHER)


def unreachable(servers: Iterable[Server]) -> OutageReason | None:
    """Return why no server accepts a connection; None if one does."""
    reasons = []
    for server in servers:
        host, port = server
        try:
            socket.create_connection((host, port), TIMEOUT_S).close()
        except OSError as error:
            reasons.append(_reason(server, error))
        else:
            return None
    code = min((reason.code for reason in reasons), key=_ORDER.index, default=OutageCode.OTHER)
    return OutageReason(code, "; ".join(reason.text for reason in reasons))


def _reason(server: Server, error: OSError) -> OutageReason:
    if isinstance(error, socket.gaierror):
        text = f"the name cannot be resolved ({error.strerror})"
        return OutageReason(OutageCode.NAME, f"{server}: {text}")
    if isinstance(error, TimeoutError):
        return OutageReason(OutageCode.UNREACHABLE, f"{server}: no answer to a connection attempt")
    code = OutageCode.OTHER
    if error.errno == errno.ECONNREFUSED:
        code = OutageCode.REFUSED
    elif error.errno in _NO_ROUTE:
        code = OutageCode.UNREACHABLE
    return OutageReason(code, f"{server}: {(error.strerror or str(error)).lower()}")
