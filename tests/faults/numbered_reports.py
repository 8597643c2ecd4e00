"""Numbered messages of chosen sizes, reported through the SDK's own `Context`."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

from dubhe_sdk import Context
from tests.faults.report_counter import ReportCounter

COUNTERS_VARIABLE = "FAULTS_COUNTERS"
TOPIC_LIMIT = 3_500_000
"""``max.message.bytes`` of the topics: what is larger is a dead letter."""
LARGEST = 3 * 1024 * 1024
TOO_LARGE = 4 * 1024 * 1024

_SMALL = 400  # up to this size a message is progress, beyond it a result
# (share, from, to) in bytes, the largest first. About 3 kB on average, so that half an hour of a
# few hundred messages a second fits on a disk and through a broker of one core.
_SIZES = (
    (0.0005, 1024 * 1024, LARGEST),
    (0.003, 50_000, 300_000),
    (0.03, 2_000, 50_000),
    (0.25, _SMALL, 2_000),
)


class NumberedReporter:
    """Says numbered messages and keeps the counter of them. Not to be shared by processes.

    Args:
        ctx: what reports them.
        late: whether the task may have ended, so that what is reported may be dropped.
    """

    def __init__(self, ctx: Context, *, late: bool = False) -> None:
        self._ctx = ctx
        self._counter = ReportCounter(Path(os.environ[COUNTERS_VARIABLE]), late=late)

    @property
    def id(self) -> int:
        """Names this process in every message."""
        return self._counter.reporter

    def size(self) -> int:
        """Choose the next message's size in bytes: most small, few very large."""
        at = random.random()
        for share, low, high in _SIZES:
            if at < share:
                return random.randint(low, high)
            at -= share
        return random.randint(50, _SMALL)

    def report(self, size: int) -> None:
        """Say the next message, of about so many bytes."""
        padding = "x" * size if size > _SMALL else ""
        number = self._counter.begin(size)
        data: dict[str, Any] = {"reporter": self.id, "n": number, "began": time.monotonic_ns()}
        if padding:
            self._ctx.logResult({**data, "padding": padding})
        else:
            data |= {f"metric_{index}": 0.125 for index in range(size // 20)}
            self._ctx.logProgressByBatch(0, number, 2**31, 0.5, data)
        self._counter.returned()

    def report_complete(self) -> None:
        """Say by the next message that the task has come to its end: progress 1."""
        number = self._counter.begin(0)
        data = {"reporter": self.id, "n": number, "began": time.monotonic_ns(), "complete": 1}
        self._ctx.logProgressByEpoch(0, 1, data)
        self._counter.returned()
