"""`InFlightQueue`: records in flight, in the order in which they were read.

Records that had already arrived before a crash are not sent, but still wait for their turn, so that
the cursor never passes a record whose outcome is unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from dubhe_sidecar.record import OutgoingRecord
from dubhe_sidecar.sinks.base import DeliveryOutcome


class InFlightQueue:
    """Records whose outcome the cursor does not include yet."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[OutgoingRecord, bool]] = deque()
        self._by_stream: dict[str, int] = {}

    def append(self, record: OutgoingRecord, *, arrived: bool) -> None:
        """Add a record that is being sent, or that had already arrived."""
        self._waiting.append((record, arrived))
        self._by_stream[record.stream] = self._by_stream.get(record.stream, 0) + 1

    def complete(self, outcomes: Iterable[DeliveryOutcome]) -> Iterator[DeliveryOutcome]:
        """Yield the outcomes of all records whose turn has come, in order."""
        for outcome in outcomes:
            yield from self.pop_arrived()
            record, _ = self._pop()
            if record[:2] != outcome.record[:2]:
                raise AssertionError(f"outcome of {outcome.record[:2]}, expected {record[:2]}")
            yield outcome
        yield from self.pop_arrived()

    def pop_arrived(self) -> Iterator[DeliveryOutcome]:
        """Yield the outcomes of records that had already arrived and whose turn has come."""
        while self._waiting and self._waiting[0][1]:
            yield DeliveryOutcome(self._pop()[0], None)

    def contains_stream(self, stream: str) -> bool:
        """Return whether records of the stream are in flight."""
        return stream in self._by_stream

    def __len__(self) -> int:
        return len(self._waiting)

    def _pop(self) -> tuple[OutgoingRecord, bool]:
        entry = self._waiting.popleft()
        stream = entry[0].stream
        self._by_stream[stream] -= 1
        if not self._by_stream[stream]:
            del self._by_stream[stream]  # streams come and go for as long as the container lives
        return entry
