"""The local platform with long curves: ``python -m benchmarks.profiles.platform``.

Each build gets a folder with so many instances, one run and one curve each. Its server is started
anew for each first curve; then one server is asked for every curve, along each axis. Builds take
turns. Memory is the proportional set size of the server's processes. The first curve is timed from
the request to the last byte of the answer, at a server that has just begun to listen (the file may
lie in the cache of the kernel); what it takes of a processor is told beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.environments import ROOT
from benchmarks.processes import LOGS, environ, running
from tests.support.waiting import wait_for

AXES = ("step", "epoch", "time")
WIDTH = 1000
STARTS = 5
IDLE_S = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Build:
    """A checkout whose platform is measured."""

    def __init__(self, checkout: Path, folder: Path, instances: int, points: int) -> None:
        self.name = subprocess.run(
            ["git", "-C", str(checkout), "describe", "--always", "--dirty"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        self.runs = folder / "runs"
        self.first_ms: list[float] = []
        self.first_cpu_ms: list[float] = []
        self.memory: dict[str, float] = {}
        self.idle_share = 0.0
        self._instances = instances
        parts = (checkout, checkout / "sidecar", checkout / "simulator")
        self._env = environ(PYTHONPATH=os.pathsep.join(map(str, parts)))
        fill = Path(__file__).with_name("fill.py")
        command = [sys.executable, fill, self.runs, instances, points]
        subprocess.run([str(word) for word in command], env=self._env, check=True)

    @contextmanager
    def server(self) -> Iterator[tuple[int, str]]:
        """Yield a server's PID and its address."""
        log = f"platform-{self.name}"
        (LOGS / f"{log}.log").unlink(missing_ok=True)
        command = [sys.executable, Path(sys.executable).with_name("dubhe"), "ui", "--no-open"]
        command += ["--runs-dir", self.runs, "--port", "0"]
        with running(command, log, self._env) as process:

            def address() -> str:
                text = (LOGS / f"{log}.log").read_text()
                assert process.poll() is None, text
                found = re.search(r"http://[\d.]+:\d+", text)
                return found[0] if found else ""

            yield process.pid, wait_for(address, "the address of the platform")

    def measure_first_curve(self) -> None:
        """Ask a server that has just started for one curve."""
        with self.server() as (pid, url):
            begun, used = time.perf_counter(), _cpu_s(pid)
            _curve(url, 1, "step")
            self.first_ms.append((time.perf_counter() - begun) * 1000)
            self.first_cpu_ms.append((_cpu_s(pid) - used) * 1000)

    def measure_memory(self) -> None:
        """Ask one server for everything."""
        with self.server() as (pid, url):
            self.memory["before"] = _memory_mib(pid)
            for axis in AXES:
                for number in range(1, self._instances + 1):
                    _curve(url, number, axis)
                self.memory[axis] = _memory_mib(pid)
            before = _cpu_s(pid)
            time.sleep(IDLE_S)  # what is measured is what it does when nobody asks
            self.idle_share = (_cpu_s(pid) - before) / IDLE_S


def _curve(url: str, run: int, axis: str) -> None:
    path = f"{url}/api/curves?run={run}&metric=loss&axis={axis}&width={WIDTH}"
    with urllib.request.urlopen(path, timeout=60) as reply:
        reply.read()


def _server_of(pid: int) -> list[Path]:
    """Return the folders of the server's processes below /proc: it is a group of its own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if _stat(folder)[2] == str(pid):
                found.append(folder)
    return found


def _stat(process: Path) -> list[str]:
    """Return what /proc tells of a process, from its state on."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def _memory_mib(pid: int) -> float:
    """Return the proportional set size of all processes of the server."""
    texts = [(process / "smaps_rollup").read_text() for process in _server_of(pid)]
    return sum(int(re.findall(r"^Pss:\s+(\d+)", text, re.M)[0]) for text in texts) / 1024


def _cpu_s(pid: int) -> float:
    return sum(int(ticks) for each in _server_of(pid) for ticks in _stat(each)[11:13]) / _TICKS


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.profiles.platform",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--instances", type=int, default=10, help="instances (10)")
    parser.add_argument("--points", type=int, default=1_000_000, help="of each (1 000 000)")
    parser.add_argument(
        "--against", type=Path, action="append", default=[], metavar="CHECKOUT",
        help="another checkout of this repository, whose platform takes turns with this one",
    )  # fmt: skip
    given = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="bench-platform-"))
    try:
        builds = [
            Build(checkout.resolve(), folder / str(number), given.instances, given.points)
            for number, checkout in enumerate([ROOT, *given.against])
        ]
        for _ in range(STARTS):
            for build in builds:
                build.measure_first_curve()
        for build in builds:
            build.measure_memory()
    finally:
        shutil.rmtree(folder)
    head = [
        "build",
        "first curve, ms: median (all)",
        "its processor ms",
        "MiB at start",
        *(f"+ {a}" for a in AXES),
    ]
    print(" | ".join([*head, "share of a core without requests"]))
    for build in builds:
        each = ", ".join(f"{ms:.0f}" for ms in build.first_ms)
        memory = [f"{mib:.0f}" for mib in build.memory.values()]
        first = f"{statistics.median(build.first_ms):.0f} ({each})"
        cpu = f"{statistics.median(build.first_cpu_ms):.0f}"
        print(" | ".join([build.name, first, cpu, *memory, f"{build.idle_share:.2%}"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
