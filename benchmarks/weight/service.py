"""The real service, as a container has it, without a container."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import ROOT
from benchmarks.processes import ContestantFailed, environ, running
from tests.kafka.broker import free_ports
from tests.support.journal import read_journal, says
from tests.support.processes import Marked

APP = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        pass
"""
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Service:
    """A service that is ready."""

    marked: Marked
    """Finds its processes."""
    ready_seconds: float
    """From its start to READY in the journal."""


@contextlib.contextmanager
def service(python: Path, folder: Path, protocol: str, **more: str) -> Iterator[Service]:
    """Run ``python3 -u app.py`` until the block ends; the block begins at READY.

    Args:
        python: the interpreter.
        folder: an empty folder for the app and its files.
        protocol: ``http`` or ``tcp``.
        more: further variables. With ``BOOTSTRAP_SERVERS`` there is no journal, and the block
            begins when the spool has the service's stream.

    Raises:
        ContestantFailed: it ended, or is not ready within a minute.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(APP)
    (port,) = free_ports(1)
    marked = Marked()
    env = environ(
        **{"PORT": str(port), "protocol": protocol, "DUBHE_TEMPORARY": str(folder / "temporary")},
        **{
            "DUBHE_TASK_STOP_TIMEOUT_SECONDS": "0",
            "DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "3",
            "DUBHE_DRAIN_TIMEOUT_SECONDS": "0",
        },
        **{"PYTHONPATH": str(ROOT), **more},
    )
    # A mark of its own tells its processes from the rest of the run's. The run still finds all of
    # them: `stop` ends the group, and its members end their children.
    env |= marked.env
    start = time.perf_counter()
    command = [python, "-u", "app.py"]
    with running(command, f"weight-{protocol}", env, folder) as process:
        try:
            deadline = time.monotonic() + _READY_SECONDS
            while not _is_ready(folder, "BOOTSTRAP_SERVERS" in more):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ContestantFailed(
                        f"no READY from the service, its status is {process.returncode}"
                    )
                time.sleep(0.002)  # said by another process, which cannot signal
            yield Service(marked, time.perf_counter() - start)
            process.terminate()
            process.wait(30)
        finally:
            marked.kill()


def _is_ready(folder: Path, to_kafka: bool) -> bool:
    if to_kafka:
        segments = (folder / "temporary" / "spool").glob("*.seg")
        return any(b"model is ready" in path.read_bytes() for path in segments)
    journal = folder / "temporary" / "journal"
    return any(says(message) == "READY" for message in read_journal(journal))


@dataclass(frozen=True)
class Memory:
    """Resident memory of a process or of several, in MiB."""

    pss: float
    """Shared pages are divided among those who share them: sums are right."""
    rss: float

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.pss + other.pss, self.rss + other.rss)


ROLES = ("launch", "sidecar", "service parent", "web", "model")


def memory_by_role(found: Service) -> dict[str, Memory]:
    """Return the memory of a service's processes, by what they are."""
    sums: dict[str, Memory] = {}
    for pid, line in found.marked.living().items():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            role = _role(line)
            sums[role] = sums.get(role, Memory(0, 0)) + _memory(pid)
    return sums


def _role(line: str) -> str:
    words = line.split()
    for role in ("launch", "sidecar", "web", "model"):
        if role in words:
            return role
    return "web" if "gunicorn" in line else "service parent"


def _memory(pid: int) -> Memory:
    lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:] if line.endswith("kB")}
    return Memory(kib["Pss"] / 1024, kib["Rss"] / 1024)


def clock_ticks(pid: int) -> float:
    """Return the processor time of a process, in seconds."""
    fields = Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
