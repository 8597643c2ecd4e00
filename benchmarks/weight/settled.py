"""Waits until a service has come to rest, then reads its memory."""

from __future__ import annotations

import contextlib
import time

from benchmarks.weight.service import Memory, Service, clock_ticks, memory_by_role

_LOOK_SECONDS = 0.5
_AT_REST = 0.04
"""Share of a core below which all processes together count as idle."""
_PATIENCE_SECONDS = 20.0


def settled(found: Service) -> dict[str, Memory]:
    """Return the memory by role once hardly any processor time is used any more.

    After 20 s it is read in any case: a busy one is measured as it is.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    before, at = _used(found), time.monotonic()
    while time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)  # a rate needs an interval
        now, then = _used(found), time.monotonic()
        if (now - before) / (then - at) < _AT_REST:
            break
        before, at = now, then
    return memory_by_role(found)


def _used(found: Service) -> float:
    total = 0.0
    for pid in found.marked.living():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += clock_ticks(pid)
    return total
