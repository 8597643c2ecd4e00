"""`InFlightQueue`: records in flight, in the order in which they were read.

They are kept by run, as they were handed over: one entry for many records. Records that had already
arrived before a crash are not sent, but still wait for their turn, so that the cursor never passes
a record whose outcome is unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from dubhe_sidecar.record import OutgoingRecord
from dubhe_sidecar.sinks.base import DeliveryOutcome


class _Run:
    """Records that were handed over together, and how many of them are passed."""

    __slots__ = ("arrived", "passed", "records")

    def __init__(self, records: Sequence[OutgoingRecord], *, arrived: bool) -> None:
        self.records = records
        self.arrived = arrived
        self.passed = 0


class InFlightQueue:
    """Records whose outcome the cursor does not include yet."""

    def __init__(self) -> None:
        self._waiting: deque[_Run] = deque()
        self._by_stream: dict[str, int] = {}
        self._count = 0

    def append(self, records: Sequence[OutgoingRecord], *, arrived: bool) -> None:
        """Add records of one stream that are being sent, or that had already arrived."""
        self._waiting.append(_Run(records, arrived=arrived))
        stream = records[0].stream
        self._by_stream[stream] = self._by_stream.get(stream, 0) + len(records)
        self._count += len(records)

    def complete(self, outcomes: Iterable[DeliveryOutcome]) -> Iterator[DeliveryOutcome]:
        """Yield the outcomes of all records whose turn has come, in order.

        The records of an outcome are one after the other in what was handed over together.
        """
        for outcome in outcomes:
            yield from self.pop_arrived()
            found = outcome.records
            run = self._waiting[0]
            expected = run.records[run.passed : run.passed + len(found)]
            if found[0][:2] != expected[0][:2] or found[-1][:2] != expected[-1][:2]:
                raise AssertionError(
                    f"outcome of {found[0][:2]} to {found[-1][:2]}, expected that of "
                    f"{expected[0][:2]} to {expected[-1][:2]}"
                )
            self._pass(run, len(found))
            yield outcome
        yield from self.pop_arrived()

    def pop_arrived(self) -> Iterator[DeliveryOutcome]:
        """Yield the outcomes of records that had already arrived and whose turn has come."""
        while self._waiting and self._waiting[0].arrived:
            run = self._waiting[0]
            self._pass(run, len(run.records))
            yield DeliveryOutcome(run.records, None)

    def contains_stream(self, stream: str) -> bool:
        """Return whether records of the stream are in flight."""
        return stream in self._by_stream

    def __len__(self) -> int:
        return self._count

    def _pass(self, run: _Run, count: int) -> None:
        run.passed += count
        if run.passed == len(run.records):
            self._waiting.popleft()
        stream = run.records[0].stream
        self._count -= count
        self._by_stream[stream] -= count
        if not self._by_stream[stream]:
            del self._by_stream[stream]  # streams come and go for as long as the container lives
