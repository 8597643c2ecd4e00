"""CPU, memory, disk and network of the instance's processes, by psutil."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from dubhe_sidecar.system.reader import Figures, ReaderFailed

if TYPE_CHECKING:
    import psutil

_LOOPBACK = "lo"
_Id = tuple[int, float]  # PID and time of birth


class ProcessReader:
    """Reads a process and its descendants. In a container these are all its processes.

    Processor time and bytes are those between two calls; the first call returns no rates. What a
    process did that lived between two calls only is not counted. Memory is the sum of the resident
    sets: pages that processes share count for each.

    Args:
        root: PID of the process at the top.

    Raises:
        ImportError: psutil is not installed.
    """

    name = "processes"

    def __init__(self, root: int) -> None:
        import psutil

        self._psutil = psutil
        self._root = root
        self._cpu: dict[_Id, float] = {}
        self._disk: dict[_Id, tuple[int, int]] = {}
        self._network: tuple[int, int] | None = None
        self._at: float | None = None

    def read(self) -> Figures:
        """Return the figures.

        Raises:
            ReaderFailed: the process at the top has gone.
        """
        psutil = self._psutil
        try:
            root = psutil.Process(self._root)
            tree = [root, *root.children(recursive=True)]
        except psutil.Error as error:
            raise ReaderFailed(f"the instance's processes cannot be read: {error}") from None
        now, memory = time.monotonic(), 0
        cpu: dict[_Id, float] = {}
        disk: dict[_Id, tuple[int, int]] = {}
        for process in tree:
            with contextlib.suppress(psutil.Error), process.oneshot():  # it may end meanwhile
                id_ = process.pid, process.create_time()
                times = process.cpu_times()
                cpu[id_] = times.user + times.system
                memory += process.memory_info().rss
                disk[id_] = self._bytes_of(process)
        figures: Figures = {"memory": memory, "processes": len(cpu)}
        network = self._network_bytes()
        if self._at is not None and now > self._at:
            seconds = now - self._at
            # 100 is one processor. One that is new has spent all its time since the last call.
            used = sum(spent - self._cpu.get(id_, 0.0) for id_, spent in cpu.items())
            figures["cpu"] = round(100 * used / seconds, 1)
            for place, name in enumerate(("read", "written")):
                moved = sum(of[place] - self._disk.get(i, (0, 0))[place] for i, of in disk.items())
                figures[name] = round(max(0, moved) / seconds)
            if network is not None and self._network is not None:
                for place, name in enumerate(("received", "sent")):
                    figures[name] = round(max(0, network[place] - self._network[place]) / seconds)
        self._at, self._cpu, self._disk, self._network = now, cpu, disk, network
        return figures

    def _bytes_of(self, process: psutil.Process) -> tuple[int, int]:
        """Return what a process has read from and written to disks; 0 if it may not be known."""
        try:
            counters = process.io_counters()
        except (self._psutil.AccessDenied, NotImplementedError):
            return 0, 0
        return counters.read_bytes, counters.write_bytes

    def _network_bytes(self) -> tuple[int, int] | None:
        """Return what came and went over all interfaces of the network namespace but loopback."""
        try:
            of_each = self._psutil.net_io_counters(pernic=True)
        except OSError:
            return None
        others = [counters for name, counters in of_each.items() if name != _LOOPBACK]
        return sum(c.bytes_recv for c in others), sum(c.bytes_sent for c in others)
