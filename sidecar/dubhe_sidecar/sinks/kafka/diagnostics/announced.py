"""Brokers that the cluster announces, and that cannot be reached from here.

The commonest mistake with Kafka in containers: the address in ``BOOTSTRAP_SERVERS`` answers, and
names others (``advertised.listeners``), at which clients are to go on. Those are right for the
broker's own host or network only. The reason says which address that is, who named it, and what
to change.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping

from dubhe_sidecar.sinks.base import OutageCode, OutageReason
from dubhe_sidecar.sinks.kafka.settings import Server

_TO_DO = {
    OutageCode.NAME: "set advertised.listeners to a name that can be resolved here, or make this "
    "one known here (the same Docker network, --add-host, DNS)",
    OutageCode.REFUSED: "if that broker is up, set advertised.listeners to the host and port at "
    "which this container reaches it",
}
_FIREWALL = (
    "let it through the firewall, or set advertised.listeners to an address that is reachable here"
)


def announced_unreachable(
    failures: Mapping[Server, OutageReason], asked: Collection[Server]
) -> OutageReason | None:
    """Return which announced brokers cannot be reached, and what to do; None if there is none.

    Args:
        failures: brokers that could not be connected to, and why.
        asked: the bootstrap servers, which nobody announced.
    """
    announced = {server: why for server, why in failures.items() if server not in asked}
    if not announced:
        return None
    listed = "; ".join(f"{server}: {why.text}" for server, why in announced.items())
    to_do = _TO_DO.get(next(iter(announced.values())).code, _FIREWALL)
    here = "" if not any(map(_is_loopback, announced)) else "; a loopback address is this host"
    return OutageReason(
        OutageCode.ADVERTISED,
        f"the bootstrap server answers, but the broker that it announces (advertised.listeners) "
        f"cannot be reached, {listed}{here}; {to_do}",
    )


def _is_loopback(server: Server) -> bool:
    host = server[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
