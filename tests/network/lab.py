"""Hosts on one machine: each a network namespace with an address, joined by one `wire`.

A namespace lives as long as a process in it. Each has one that sleeps, and that the kernel ends
with this process, so that nothing is left behind whatever happens to the tests. The machine
itself takes part as the host `HERE`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from tests.network.wire import Rule
from tests.support.waiting import wait_for

HERE = "here"
ROOT = Path(__file__).parents[2]
_NET = "198.18"  # for tests of networks: RFC 2544


class Host:
    """A host of the lab.

    Attributes:
        address: its IPv4 address.
        prefix: what a command begins with that is to run there.
    """

    def __init__(self, name: str, address: str, device: str) -> None:
        self.name = name
        self.address = address
        self.device = device
        self.prefix: tuple[str, ...] = ()
        self._sleeper: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Make the namespace, and move the device into it."""
        if self.name != HERE:
            here = Path("/proc/self/ns/net").readlink()
            self._sleeper = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]
            )
            there = Path(f"/proc/{self._sleeper.pid}/ns/net")
            wait_for(lambda: there.readlink() != here, f"the namespace of {self.name}")
            run("ip", "link", "set", self.device, "netns", str(self._sleeper.pid))
            self.prefix = ("nsenter", f"--net={there}", "--")
        run(
            *(*self.prefix, "ip", "-batch", "-"),
            text=f"addr add {self.address}/24 dev {self.device}\nlink set {self.device} up\n"
            + ("link set lo up\n" if self.prefix else ""),
        )

    def end(self) -> None:
        """Let go of the namespace."""
        if self._sleeper is not None:
            self._sleeper.kill()
            self._sleeper.wait()


class Lab:
    """Use as a context manager.

    Args:
        names: of the hosts beside `HERE`.
        seed: decides about losses and jitter.
    """

    def __init__(self, names: Sequence[str], seed: int = 1) -> None:
        self._seed = seed
        mark, net = f"{random.getrandbits(32):08x}", random.randrange(256)
        numbered = enumerate([*names, HERE], 1)
        self.hosts = {
            name: Host(name, f"{_NET}.{net}.{number}", f"dt{mark}{number}")
            for number, name in numbered
        }
        self._rules: dict[tuple[str, str], Rule] = {}
        self._wire: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Lab:
        ends = [f"{host.address}={host.device}" for host in self.hosts.values()]
        self._wire = subprocess.Popen(
            [sys.executable, "-m", "tests.network.wire", str(self._seed), *ends],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            self._heard("up")
            for host in self.hosts.values():
                host.begin()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def close(self) -> None:
        """End the wire and the hosts; what runs there loses its network."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.kill()
            wire.communicate()
        for host in self.hosts.values():
            host.end()

    def rule(self, one: str, other: str, rule: Rule) -> None:
        """Treat packets between two hosts like this from now on, in both directions."""
        self._rules[one, other] = self._rules[other, one] = rule
        self._tell()

    def part(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Let no packet through between two groups; what was on its way is lost too."""
        others = list(others)
        for one in some:
            for other in others:
                self._rules[one, other] = self._rules[other, one] = Rule(loss=1.0)
        self._tell()

    def heal(self) -> None:
        """Let everything through."""
        self._rules.clear()
        self._tell()

    def _tell(self) -> None:
        rules = [
            (self.hosts[one].address, self.hosts[other].address, rule._asdict())
            for (one, other), rule in self._rules.items()
        ]
        assert self._wire is not None and self._wire.stdin is not None
        self._wire.stdin.write(json.dumps(rules).encode() + b"\n")
        self._wire.stdin.flush()
        self._heard("done")

    def _heard(self, word: str) -> None:
        assert self._wire is not None and self._wire.stdout is not None
        if self._wire.stdout.readline().decode().strip() != word:
            raise AssertionError(
                "the wire between the hosts has ended; its error is above. It makes TUN devices: "
                "run the tests as root, in a container with --cap-add NET_ADMIN,SYS_ADMIN "
                "--device /dev/net/tun"
            )


def run(*command: str, text: str = "") -> None:
    """Run a command; fail with its words."""
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.decode().strip()}. {os.getuid()=}")
