"""What a platform takes of a core while its instances do nothing."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from tests.dubhe_simulator.fake import fake_algorithm
from tests.dubhe_simulator.ui import Ui

START_TIMEOUT_S = 300.0
SETTLE_S = 60.0


def share_of_a_core(folder: Path, instances: int, seconds: float) -> float:
    """Return the processor time of both of the platform's processes over a while, per second.

    The instances know the contract and nothing else: only what the platform does for them counts.

    Args:
        folder: where the runs are made.
        instances: how many there are.
        seconds: for how long to measure.
    """
    algorithm = fake_algorithm(folder / "algorithm")
    with Ui(folder / "runs", algorithm) as ui:
        for _ in range(instances):
            ui.post("start", kind="train")
        ui.wait(
            lambda s: sum(i["state"] == "ready" for i in s["instances"]) == instances,
            START_TIMEOUT_S,
        )
        platform = ui.process.pid, ui.worker
        _wait_for_children(ui.worker, instances)
        begun, before = time.monotonic(), _processor_seconds(*platform)
        time.sleep(seconds)
        return (_processor_seconds(*platform) - before) / (time.monotonic() - begun)


def _wait_for_children(platform: int, instances: int) -> None:
    """Wait until what was asked about the code and the packages of each has ended."""
    deadline = time.monotonic() + SETTLE_S
    while len(_children(platform)) > instances and time.monotonic() < deadline:
        time.sleep(0.1)


def _children(pid: int) -> list[str]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended
            found += (task / "children").read_text().split()
    return found


def _processor_seconds(*pids: int) -> float:
    ticks = 0
    for pid in pids:
        # utime and stime: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
