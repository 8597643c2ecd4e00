"""Memory and descriptors of every process of a service, sampled while it runs."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.dubhe_sdk.service.harness import App

# The command that each process of a service runs; the oldest one of each kind is sampled.
PARTS = {
    "container parent": "launch",
    "sidecar": "sidecar",
    "service parent": "serve",
    "web": "web",
    "model": "model",
}
_KIB = 1024


@dataclass
class Footprint:
    """What one process was seen to take."""

    pid: int
    memory: list[int] = field(default_factory=list)
    """Proportional set size in KiB."""
    descriptors: list[int] = field(default_factory=list)

    def growth(self) -> tuple[int, int]:
        """Return growth of memory in KiB and of descriptors, from the second quarter to the last.

        The first quarter warms up: caches fill, and an outage of the broker fills the queues.
        Of memory medians are compared, of descriptors the smallest numbers: while a broker is away
        there are more for moments, and what is never closed raises the smallest as well.
        """
        quarter = len(self.memory) // 4
        assert quarter, "too few samples"
        early, late = slice(quarter, 2 * quarter), slice(-quarter, None)
        return (
            int(statistics.median(self.memory[late]) - statistics.median(self.memory[early])),
            min(self.descriptors[late]) - min(self.descriptors[early]),
        )


class Footprints:
    """Samples the processes of an app.

    Args:
        app: running.
    """

    def __init__(self, app: App) -> None:
        self.of = {name: Footprint(_pid(app, name, part)) for name, part in PARTS.items()}

    def sample(self) -> None:
        """Look once.

        Raises:
            FileNotFoundError: one of the processes is gone.
        """
        for one in self.of.values():
            folder = Path("/proc", str(one.pid))
            lines = (folder / "smaps_rollup").read_text().splitlines()
            one.memory.append(
                int(next(line for line in lines if line.startswith("Pss:")).split()[1])
            )
            one.descriptors.append(len(os.listdir(folder / "fd")))

    def sample_for(
        self, seconds: float, interval: float, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Look every ``interval`` seconds for so long, or until a condition holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not until():
            self.sample()
            time.sleep(interval)

    def table(self) -> str:
        """Return the figures as text for people."""
        lines = [
            f"{'process':17} {'PSS first':>10} {'median':>8} {'last':>8} {'largest':>8} "
            f"{'growth':>8}  fds first/last/largest"
        ]
        for name, one in self.of.items():
            memory = [value / _KIB for value in one.memory]
            lines.append(
                f"{name:17} {memory[0]:8.1f} M {statistics.median(memory):7.1f} {memory[-1]:8.1f} "
                f"{max(memory):8.1f} {one.growth()[0] / _KIB:+8.1f}  "
                f"{one.descriptors[0]}/{one.descriptors[-1]}/{max(one.descriptors)}"
            )
        return "\n".join(lines) + "\n"

    def check(self, memory_kib: int, descriptors: int = 4) -> None:
        """Assert that nothing has grown by more than so much.

        Raises:
            AssertionError: something has; the text is the table.
        """
        for name, one in self.of.items():
            grown, more = one.growth()
            assert grown <= memory_kib, f"{name} grew by {grown} KiB\n{self.table()}"
            assert more <= descriptors, f"{name} has {more} descriptors more\n{self.table()}"


def _pid(app: App, name: str, part: str) -> int:
    return app.pid if name == "container parent" else app.pid_of(part)
