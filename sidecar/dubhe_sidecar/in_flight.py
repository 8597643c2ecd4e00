"""`Ledger`: from outcomes to positions.

Records are entered in the order in which they are read. Those that had already arrived before a
crash are not sent, but still wait for their turn, so that a position never passes a record whose
outcome is unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from dubhe_sidecar.record import Record
from dubhe_sidecar.sinks.base import Outcome


class Ledger:
    """Records on their way."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Record, bool]] = deque()
        self._by_stream: dict[str, int] = {}

    def enter(self, record: Record, *, arrived: bool) -> None:
        """Enter a record that is being sent, or that had arrived before."""
        self._waiting.append((record, arrived))
        self._by_stream[record.stream] = self._by_stream.get(record.stream, 0) + 1

    def settle(self, outcomes: list[Outcome]) -> Iterator[Outcome]:
        """Yield the outcomes of all records whose turn has come, in order."""
        for outcome in outcomes:
            yield from self.arrived()
            record, _ = self._take()
            if record[:2] != outcome.record[:2]:
                raise AssertionError(f"outcome of {outcome.record[:2]}, expected {record[:2]}")
            yield outcome
        yield from self.arrived()

    def arrived(self) -> Iterator[Outcome]:
        """Yield records that had arrived before and whose turn has come."""
        while self._waiting and self._waiting[0][1]:
            yield Outcome(self._take()[0], None)

    def holds(self, stream: str) -> bool:
        """Return whether records of the stream are on their way."""
        return stream in self._by_stream

    def __len__(self) -> int:
        return len(self._waiting)

    def _take(self) -> tuple[Record, bool]:
        taken = self._waiting.popleft()
        stream = taken[0].stream
        self._by_stream[stream] -= 1
        if not self._by_stream[stream]:
            del self._by_stream[stream]  # streams come and go for as long as the container lives
        return taken
