"""The machine that instances run on."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from pathlib import Path

from dubhe_simulator.instances.provenance.record import Host

_GPUS = Path("/proc/driver/nvidia/gpus")
_MODEL = re.compile(r"^Model:\s*(.+?)\s*$", re.MULTILINE)


def read_host(gpus: Path = _GPUS) -> Host:
    """Return the machine that this process runs on.

    Args:
        gpus: where NVIDIA's driver lists its GPUs.
    """
    memory = 0
    with contextlib.suppress(ValueError, OSError):  # a system without these names
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Host(platform.node(), platform.platform(), cpus or 0, memory, _gpus(gpus))


def _gpus(folder: Path) -> tuple[str, ...]:
    found = []
    for path in sorted(folder.glob("*/information")):
        with contextlib.suppress(OSError):
            match = _MODEL.search(path.read_text(encoding="utf-8", errors="replace"))
            found.append(match[1] if match else "?")
    return tuple(found)
