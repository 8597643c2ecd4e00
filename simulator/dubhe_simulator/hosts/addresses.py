"""Which hosts a platform shall use, from its command line."""

from __future__ import annotations

from collections.abc import Iterable

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.hosts.host import DEFAULT_PORT
from dubhe_simulator.hosts.remote import HostAddress
from dubhe_simulator.i18n import translate

KINDS = {kind.value: kind for kind in TaskKind}


def chosen_hosts(hosts: Iterable[str], kinds: str) -> dict[TaskKind, HostAddress]:
    """Return the hosts to use.

    Args:
        hosts: ``KIND=HOST[:PORT]`` each.
        kinds: words for the kinds to use, separated by commas; no known word means all.

    Raises:
        CannotStart: a host is malformed.
    """
    found = dict(_parse(host) for host in hosts)
    wanted = {KINDS[word] for word in map(str.strip, kinds.split(",")) if word in KINDS}
    return {kind: host for kind, host in found.items() if kind in wanted or not wanted}


def _parse(value: str) -> tuple[TaskKind, HostAddress]:
    word, _, address = value.partition("=")
    host, _, port = address.partition(":")
    number = port or str(DEFAULT_PORT)
    if word not in KINDS or not host or not number.isdecimal():
        kinds = ", ".join(kind.value for kind in TaskKind)
        raise CannotStart(translate("bad_host", value=value, kinds=kinds))
    return KINDS[word], (host, int(number))
