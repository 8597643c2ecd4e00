"""`PendingQueue`: runs of records in the order of sending, until their outcomes are collected."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence

from dubhe_sidecar.record import OutgoingRecord
from dubhe_sidecar.sinks.kafka.limits import KafkaLimits
from dubhe_sidecar.sinks.kafka.producer.batch import PendingRun

OVERHEAD_BYTES = 500  # memory of a pending record beside its value and key


class PendingQueue:
    """What was handed over and not collected.

    Args:
        limits: how much it may hold.
    """

    def __init__(self, limits: KafkaLimits) -> None:
        self._limits = limits
        self.waiting: deque[PendingRun] = deque()
        """Not settled, or behind one that is not."""
        self._settled: deque[PendingRun] = deque()
        self._bytes = 0
        self._records = 0
        self._settled_records = 0
        self.progress_at = time.monotonic()
        """When a run was settled, or the first one entered, last (monotonic)."""

    def __len__(self) -> int:
        """Return the number of records whose outcome was not collected."""
        return self._records + self._settled_records

    @property
    def has_settled(self) -> bool:
        """Whether there are outcomes to be collected."""
        return bool(self._settled)

    @property
    def unsettled(self) -> list[PendingRun]:
        """What has no outcome yet."""
        return [pending for pending in self.waiting if not pending.is_settled]

    def is_full_for(self, count: int, size: int) -> bool:
        """Return whether so many records of so many bytes have to wait; one run always fits."""
        return bool(self.waiting) and (
            self._records + count > self._limits.in_flight_records
            or self._bytes + size > self._limits.in_flight_bytes
        )

    def add(self, records: Sequence[OutgoingRecord], size: int) -> PendingRun:
        """Append a run; see `size_of`."""
        if not self.waiting:
            self.progress_at = time.monotonic()
        pending = PendingRun(records, size)
        self.waiting.append(pending)
        self._bytes += size
        self._records += len(records)
        return pending

    def replace(self, parts: Iterable[PendingRun]) -> None:
        """Exchange what waits for the same records in other runs."""
        parts = list(parts)
        self.waiting.clear()  # in place: others hold it
        self.waiting.extend(parts)
        self.progress_at = time.monotonic()

    def take_settled(self) -> list[PendingRun]:
        """Move what is settled, from the front, to where it is collected; return it."""
        taken = []
        while self.waiting and self.waiting[0].is_settled:
            pending = self.waiting.popleft()
            self._bytes -= pending.size
            self._records -= len(pending.records)
            self._settled_records += len(pending.records)
            taken.append(pending)
        if taken:
            self._settled.extend(taken)
            self.progress_at = time.monotonic()
        return taken

    def collect(self) -> list[PendingRun]:
        """Remove and return what is settled, in the order of sending."""
        collected = list(self._settled)
        self._settled.clear()
        self._settled_records = 0
        return collected

    def clear(self) -> None:
        """Abandon everything."""
        self.waiting.clear()
        self._settled.clear()
        self._bytes = self._records = self._settled_records = 0


def size_of(records: Sequence[OutgoingRecord]) -> int:
    """Return the bytes of memory that records count for while they are pending."""
    values = sum([len(record.value) for record in records])
    return values + len(records) * (len(records[0].key) + OVERHEAD_BYTES)


def largest_of(records: Sequence[OutgoingRecord]) -> int:
    """Return the bytes of key and value of the largest record."""
    return len(records[0].key) + max(len(record.value) for record in records)
