"""How much the spool may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dubhe_sdk import environment

MIB = environment.MIB


@dataclass(frozen=True)
class SpoolLimits:
    """Bounds of the spool.

    ``max_bytes`` is the size of all segments together above which progress is dropped. Messages
    that must not be lost may use ``reserve_bytes`` more. When the reserve is used up as well, they
    wait up to ``full_timeout_seconds``. A writer asks for space one segment at a time, so the
    bound is exact to within one segment of ``segment_bytes`` per writer.
    """

    max_bytes: int = 1024 * MIB
    reserve_bytes: int = 64 * MIB
    segment_bytes: int = 8 * MIB
    full_timeout_seconds: float = 10.0


def read_spool_limits(env: Mapping[str, str]) -> SpoolLimits:
    """Read the limits from ``DUBHE_SPOOL_MAX_BYTES`` and ``DUBHE_SPOOL_FULL_TIMEOUT_SECONDS``.

    Raises:
        EnvironmentInvalid: one of them is malformed.
    """
    max_bytes = environment.number(
        env, "DUBHE_SPOOL_MAX_BYTES", 1024 * MIB, low=64 * 1024, high=2**50
    )
    return SpoolLimits(
        max_bytes=max_bytes,
        reserve_bytes=max(max_bytes // 16, 64 * 1024),
        segment_bytes=min(8 * MIB, max_bytes // 8),
        full_timeout_seconds=environment.seconds(env, "DUBHE_SPOOL_FULL_TIMEOUT_SECONDS", 10.0),
    )
