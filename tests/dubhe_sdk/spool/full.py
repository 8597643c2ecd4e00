"""A spool that is nearly full."""

from __future__ import annotations

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.writer import SpoolWriter
from tests.dubhe_sdk.spool.helpers import (
    KIB,
    append,
)

SMALL = SpoolLimits(
    max_bytes=16 * KIB, reserve_bytes=8 * KIB, segment_bytes=2 * KIB, full_timeout_seconds=0.2
)


def fill(writer: SpoolWriter, kind: Kind = Kind.PROGRESS, size: int = 200) -> int:
    """Say messages until one is refused; return how many were accepted."""
    for number in range(10_000):
        if not append(writer, (b"%d " % number).ljust(size, b"x"), kind):
            return number
    raise AssertionError("the spool is never full")
