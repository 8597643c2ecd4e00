"""A record on its way, and what is known of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kafka.structs import TopicPartition

from dubhe_sidecar.record import Record

if TYPE_CHECKING:
    from dubhe_sidecar.sinks.kafka.producer.batch import Batch

# Between two looks at a record that nothing can be waited for.
_PAUSE_S = 0.001


class Flight:
    """A record on its way."""

    __slots__ = ("_settled", "batch", "index", "record", "rejected", "size", "undated")

    def __init__(self, record: Record, size: int) -> None:
        self.record = record
        self.size = size
        self.batch: Batch | None = None
        """The one it was last sent in."""
        self.index = 0
        """Its place in the batch."""
        self.rejected: str | None = None
        self.undated = False
        self._settled = False

    @property
    def is_settled(self) -> bool:
        """Whether it needs no sending any more."""
        return self._settled or (self.batch is not None and self.batch.is_delivered)

    def settled(self) -> None:
        """Take notice that it needs no sending any more."""
        self._settled = True

    def wait(self, timeout: float) -> None:
        """Wait until its batch has an outcome, for at most so many seconds."""
        batch = self.batch
        if batch is None or batch.produce_future.is_done:  # failed: that is the line's to tell
            time.sleep(min(_PAUSE_S, timeout))
        else:
            batch.produce_future.wait(timeout)

    @property
    def offset_behind(self) -> tuple[TopicPartition, int] | None:
        """The offset behind it, if the broker told where it lies."""
        batch = self.batch
        if batch is None or batch.base_offset < 0:
            return None
        return batch.topic_partition, batch.base_offset + self.index + 1
