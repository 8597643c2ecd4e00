"""What an instance takes of its machine, as its sidecar sampled it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from dubhe_simulator.contract.json_safe import decode

FIGURES = ("cpu", "memory", "processes", "read", "written", "received", "sent")
DEVICE_FIGURES = ("use", "memory", "memory_total", "temperature", "power")
MOST_BYTES = 32 * 1024 * 1024  # the sidecar keeps it smaller by far


def read_samples(path: Path, after_ms: int) -> list[dict[str, Any]]:
    """Return the samples in a file; none if there is no such file.

    Each has ``at``, in ms since 1970, and what is known of `FIGURES`; ``devices`` is a list of a
    ``name`` and what is known of `DEVICE_FIGURES`. Sizes are bytes, rates bytes a second, ``cpu``
    and ``use`` percent (of one processor), ``temperature`` degrees Celsius, ``power`` watts. The
    file lies in a folder that the algorithm can write: what is no sample is left out.

    Args:
        path: the file.
        after_ms: only those that were taken later.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            return []
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            sample = decode(line.decode())
        except ValueError:
            continue  # still being written, or somebody else's
        if isinstance(sample, dict) and _is_number(sample.get("at")) and sample["at"] > after_ms:
            found.append(_known(sample))
    return found


def _known(sample: dict[str, Any]) -> dict[str, Any]:
    devices = sample.get("devices")
    known = [
        {"name": str(device.get("name", "")), **_numbers(device, DEVICE_FIGURES)}
        for device in (devices if isinstance(devices, list) else ())
        if isinstance(device, dict)
    ]
    return {"at": sample["at"], **_numbers(sample, FIGURES), "devices": known}


def _numbers(of: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: of[name] for name in names if _is_number(of.get(name))}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
