"""Whether any broker accepts a connection at all, asked of the network itself."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

from dubhe_sidecar.sinks.base import OutageCode, OutageReason
from dubhe_sidecar.sinks.kafka.addresses import combined, failed, unresolved
from dubhe_sidecar.sinks.kafka.settings import Server

TIMEOUT_S = 1.5  # an attempt that is lost is repeated after a second
AT_ONCE = 8
# Of several brokers' codes, the one listed first counts.
_ORDER = (OutageCode.NAME, OutageCode.REFUSED, OutageCode.UNREACHABLE, OutageCode.OTHER)


def unreachable(servers: Iterable[Server]) -> OutageReason | None:
    """Return why no server accepts a connection; None if one does."""
    reasons = []
    for server in servers:
        reason = _reason(server)
        if reason is None:
            return None
        reasons.append(OutageReason(reason.code, f"{server}: {reason.text}"))
    code = min((reason.code for reason in reasons), key=_ORDER.index, default=OutageCode.OTHER)
    return OutageReason(code, "; ".join(reason.text for reason in reasons))


def unreachable_ones(servers: Collection[Server]) -> dict[Server, OutageReason]:
    """Return those that accept no connection, and why; all are asked at the same time.

    Of very many, some are asked.
    """
    some = list(servers)[:AT_ONCE]
    with ThreadPoolExecutor(len(some) or 1, "probe") as pool:
        found = zip(some, pool.map(_reason, some), strict=True)
        return {server: reason for server, reason in found if reason is not None}


def _reason(server: Server) -> OutageReason | None:
    """Return why no address of a server accepts a connection; None if one does."""
    host, port = server
    try:
        found = socket.getaddrinfo(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM)
    except socket.gaierror as error:
        return unresolved(error)
    reasons = []
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as attempt:
                attempt.settimeout(TIMEOUT_S)
                attempt.connect(address)
        except OSError as error:
            reasons.append(failed(server, address, error))
        else:
            return None
    return combined(reasons)
