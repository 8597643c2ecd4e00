"""Collects what a source hands over."""

from __future__ import annotations

from dubhe_simulator.contract.message import Message
from dubhe_simulator.sources.record import RecordBatch, SourceRecord, read


class Feed:
    """Give `put` to a source."""

    def __init__(self) -> None:
        self.batches: list[RecordBatch] = []

    def put(self, batch: RecordBatch) -> None:
        self.batches.append(batch)

    @property
    def records(self) -> list[SourceRecord]:
        return [record for batch in list(self.batches) for record in batch.records]

    @property
    def messages(self) -> list[Message]:
        return [read(record) for record in self.records]

    @property
    def positions(self) -> dict[str, str]:
        return {batch.source: batch.position for batch in self.batches}
