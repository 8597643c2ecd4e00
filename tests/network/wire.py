"""The wire between the hosts: passes IP packets on, loses, delays, swallows them, or resets.

A process of its own that holds one TUN device per host: ``python -m tests.network.wire SEED
ADDRESS=DEVICE…``. It takes one line of JSON after another from stdin, the rules that hold from
then on, and answers each with a line; it ends, and the devices with it, when stdin ends.

Kernels offer the same by ``tc netem`` and ``iptables``, but not every kernel has netem, and not
every machine iptables. Here it is the same everywhere, and TCP on both sides is the kernel's own:
it sees lost and late packets and has to send them again, as on a real line.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import struct
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

from tests.network import ip

_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
_PACKET_BYTES = 65536


class Rule(NamedTuple):
    """What happens to packets from one host to another."""

    loss: float = 0.0
    """Share of packets that are lost, 0…1; 1 is a black hole."""
    delay_s: float = 0.0
    jitter_s: float = 0.0
    """Added to the delay, at random from 0 to this; packets may overtake each other."""
    reset: bool = False
    """Whether every TCP packet is answered by a reset, as a firewall does."""


_SOUND = Rule()


def open_tun(device: str) -> int:
    """Make a TUN device; it lives as long as the descriptor.

    Raises:
        OSError: it cannot be made, for example without the right to.
    """
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN_NO_PI))
    return fd


class Wire:
    """Passes packets on between devices.

    Args:
        devices: the hosts' addresses, four bytes each, and their devices' descriptors.
        chance: decides about losses.
    """

    def __init__(self, devices: Mapping[bytes, int], chance: random.Random) -> None:
        self._devices = dict(devices)
        self._chance = chance
        self._rules: dict[tuple[bytes, bytes], Rule] = {}
        self._late: list[tuple[float, int, int, bytes]] = []  # due, number, device, packet
        self._number = itertools.count()

    def run(self) -> None:
        """Work until stdin ends."""
        lines = b""
        while True:
            timeout = max(0.0, self._late[0][0] - time.monotonic()) if self._late else None
            ready, _, _ = select.select([0, *self._devices.values()], [], [], timeout)
            for fd in ready:
                if fd != 0:
                    self._receive(fd)
                    continue
                heard = os.read(0, _PACKET_BYTES)
                if not heard:
                    return
                *told, lines = (lines + heard).split(b"\n")
                for line in told:
                    self._obey(json.loads(line))
                    os.write(1, b"done\n")
            while self._late and self._late[0][0] <= time.monotonic():
                _, _, fd, packet = heapq.heappop(self._late)
                _pass_on(fd, packet)

    def _obey(self, rules: list[tuple[str, str, dict[str, float]]]) -> None:
        self._rules = {
            (ip.packed(source), ip.packed(target)): Rule(**rule)  # type: ignore[arg-type]
            for source, target, rule in rules
        }

    def _receive(self, fd: int) -> None:
        for _ in range(64):  # then look at the others
            try:
                packet = os.read(fd, _PACKET_BYTES)
            except OSError:  # empty, or not yet up
                return
            if ip.is_ipv4(packet):
                self._route(fd, packet)

    def _route(self, back: int, packet: bytes) -> None:
        source, target = ip.addresses(packet)
        fd = self._devices.get(target)
        rule = self._rules.get((source, target), _SOUND)
        if fd is None:
            return
        if rule.reset:
            if answer := ip.reset_for(packet):
                _pass_on(back, answer)
        elif rule.loss and self._chance.random() < rule.loss:
            return
        elif rule.delay_s or rule.jitter_s:
            due = time.monotonic() + rule.delay_s + self._chance.random() * rule.jitter_s
            heapq.heappush(self._late, (due, next(self._number), fd, packet))
        else:
            _pass_on(fd, packet)


def _pass_on(fd: int, packet: bytes) -> None:
    with contextlib.suppress(OSError):  # the host's queue is full, or the host is gone: lost
        os.write(fd, packet)


def main() -> None:
    seed, *hosts = sys.argv[1:]
    pairs = (host.partition("=") for host in hosts)
    devices = {ip.packed(address): open_tun(device) for address, _, device in pairs}
    os.write(1, b"up\n")
    Wire(devices, random.Random(int(seed))).run()


if __name__ == "__main__":
    main()
