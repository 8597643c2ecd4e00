"""The container's memory: its limit, and how many processes the kernel has killed for it.

Sources: Linux, Documentation/admin-guide/cgroup-v2.rst (``memory.max``, ``memory.events``) and
cgroup-v1/memory.rst (``memory.limit_in_bytes``, ``oom_kill`` in ``memory.oom_control``).
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_OOM_SCORE = Path("/proc/self/oom_score_adj")
_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")

# In thousandths of the memory there is. The algorithm is large and can be restarted; service and
# sidecar are small and have to report its death. So its processes go first, even if the
# largest of many data loaders is smaller than a sidecar with a backlog.
_MODEL_OOM_SCORE_ADJ = 300


def raise_oom_score() -> None:
    """Have the kernel kill this process and its children before others when memory runs out."""
    with contextlib.suppress(OSError):  # no /proc: the largest process goes first, as usual
        if int(_OOM_SCORE.read_text()) < _MODEL_OOM_SCORE_ADJ:
            _OOM_SCORE.write_text(str(_MODEL_OOM_SCORE_ADJ))


def oom_kills() -> int | None:
    """Return how many processes of this container were killed for memory; None if unknown."""
    for folder, name in ((_folder(""), "memory.events"), (_folder("memory"), "memory.oom_control")):
        with contextlib.suppress(OSError, ValueError):
            for line in (folder / name).read_text().splitlines():
                word, _, count = line.partition(" ")
                if word == "oom_kill":
                    return int(count)
    return None


def limit_bytes() -> int | None:
    """Return how much memory the container may use; None if there is no limit, or it is unknown."""
    for folder, name in ((_folder(""), "memory.max"), (_folder("memory"), "memory.limit_in_bytes")):
        with contextlib.suppress(OSError, ValueError):  # ValueError: "max"
            limit = int((folder / name).read_text())
            return limit if limit < 1 << 62 else None  # version 1 says "none" by a huge number
    return None


def _folder(controller: str) -> Path:
    """Return the control group's folder: of version 2, or of version 1's controller.

    Inside a container that is usually the root of what is mounted; with the host's cgroup
    namespace it is the path that the kernel names.
    """
    root = _CGROUPS / controller if controller else _CGROUPS
    with contextlib.suppress(OSError):
        for line in _OWN.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                own = root / path.lstrip("/")
                return own if own.is_dir() else root
    return root
