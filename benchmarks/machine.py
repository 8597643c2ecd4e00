"""On what machine, with what versions, and how quiet it was."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT
from benchmarks.stats import spread

_SPIN_STEPS = 200_000
_SPINS = 50


def facts() -> dict[str, Any]:
    """Return the date, the machine, its system, and the project's commit."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{_distribution()}, Linux {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "commit": _commit(),
    }


class Noise:
    """How much others had of the machine while something was measured.

    Made before, asked afterwards. A fixed loop of pure computation takes equally long each time
    on a quiet machine: its spread tells how far to trust the rest.
    """

    def __init__(self) -> None:
        self._spins = _spins()
        self._start = time.monotonic()
        self._steal = _cpu_ticks("steal")

    def seen(self) -> dict[str, Any]:
        """Return the spread of the loop, the load, and what a hypervisor took."""
        spins = self._spins + _spins()
        ticks = (time.monotonic() - self._start) * os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1)
        return {
            "spin_median_ms": round(statistics.median(spins), 3),
            "spin_spread_percent": round(100 * spread(spins), 1),
            "load_after": round(os.getloadavg()[0], 2),
            "steal_percent": round(100 * (_cpu_ticks("steal") - self._steal) / ticks, 2),
            "seconds": round(time.monotonic() - self._start),
        }


def _spins() -> list[float]:
    """Return how long the fixed loop took each time, in milliseconds (perf_counter_ns)."""
    times = []
    for _ in range(_SPINS):
        start = time.perf_counter_ns()
        for _ in range(_SPIN_STEPS):
            pass
        times.append((time.perf_counter_ns() - start) / 1e6)
    return times


def _cpu_ticks(what: str) -> int:
    columns = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    values = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return int(values[columns.index(what)])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "an unnamed distribution"


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() or "unknown"
