"""A machine without a network, on which every attempt to leave it is counted.

A network namespace of its own has nothing but loopback. The kernel counts the packets for which it
knows no route, whichever program and library they are of; and questions for names that a resolver
on loopback would have answered. Needs root.
"""

from __future__ import annotations

import itertools
from pathlib import Path

_SCRIPT = (
    'counts=$1; shift; ip link set lo up; "$@"; status=$?\n'
    'cat /proc/net/snmp /proc/net/snmp6 >"$counts"; exit "$status"'
)
_COUNTERS = (("Ip:", "OutNoRoutes"), ("Udp:", "NoPorts"))
_COUNTERS_6 = ("Ip6OutNoRoutes", "Udp6NoPorts")


def without_network(counts: Path) -> list[str]:
    """Return what stands before a command that is to have loopback alone.

    Args:
        counts: the file for `attempts`; it is written when the command has ended.
    """
    return ["unshare", "--net", "sh", "-c", _SCRIPT, "sh", str(counts)]


def attempts(counts: Path) -> int:
    """Return how often something tried to reach an address outside, or a server of names.

    Args:
        counts: the file that `without_network` got.
    """
    rows = [line.split() for line in counts.read_text().splitlines()]
    values: dict[tuple[str, str], int] = {}
    for names, numbers in itertools.pairwise(rows):
        if names[0] == numbers[0] and names[0].endswith(":"):  # a line of names, one of numbers
            for name, value in zip(names[1:], numbers[1:], strict=True):
                values[names[0], name] = int(value)
    values6 = {row[0]: int(row[1]) for row in rows if len(row) == 2}
    return sum(values[one] for one in _COUNTERS) + sum(values6.get(one, 0) for one in _COUNTERS_6)
