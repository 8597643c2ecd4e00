"""`SinkState`: what a search after a crash has to know, and when it has to be saved.

As long as records that had arrived unnoticed are not passed, saved offsets stay before them: after
another crash they would be neither before the position nor beyond the offset.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka.structs import TopicPartition

from dubhe_sidecar.sinks.base import SinkError
from dubhe_sidecar.sinks.kafka.recovery.partitions import PartitionMap
from dubhe_sidecar.sinks.kafka.recovery.producer_ids import ProducerIds
from dubhe_sidecar.sinks.kafka.recovery.tail import ArrivedRecords

Delivered = Mapping[str, frozenset[int]]


class SinkState:
    """Partitions and their offsets, ids of producers, and what had arrived unnoticed.

    Args:
        state: what `saved` returned, or None.
        save: writes a state to disk.

    Raises:
        SinkError: the state has another shape.
    """

    def __init__(
        self,
        state: Mapping[str, Any] | None = None,
        save: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.partitions = PartitionMap(state)
        self.producers = ProducerIds(state)
        self.delivered: Delivered = {}
        self.must_save = False
        """Whether `save_now` is due before anything is sent."""
        self._save = save or _refuse_to_save
        self._offsets_before: dict[TopicPartition, int] | None = None
        self._known_at: dict[TopicPartition, float] = {}  # when an offset was last moved

    @property
    def hides_nothing(self) -> bool:
        """Whether all that had arrived unnoticed is passed."""
        return self._offsets_before is None

    def saved(self) -> dict[str, Any]:
        """Return the state that belongs to what was collected so far."""
        return self._with(None)

    def save_now(self) -> None:
        """Save what must be known before a record is sent."""
        self._save(self._with(self._offsets_before))
        self.must_save = False

    def _with(self, offsets: Mapping[TopicPartition, int] | None) -> dict[str, Any]:
        return {**self.partitions.state(offsets), "producer_ids": self.producers.state()}

    def note_arrived(self, arrived: ArrivedRecords) -> None:
        """Add records that were found to have arrived unnoticed."""
        if not arrived:
            return
        if self._offsets_before is None:
            self._offsets_before = dict(self.partitions.offsets)
        known = self.delivered
        self.delivered = {
            **known,
            **{
                writer: frozenset(seqs) | known.get(writer, frozenset())
                for writer, seqs in arrived.items()
            },
        }

    def forget_delivered(self) -> None:
        """Nothing of `delivered` is needed any more."""
        self.delivered = {}
        self._offsets_before = None

    def move(self, partition: TopicPartition, offset: int) -> None:
        """Nothing before an offset is in doubt."""
        self.partitions.offsets[partition] = offset
        self._known_at[partition] = time.monotonic()

    def stale(self, older_than_s: float) -> list[TopicPartition]:
        """Return the partitions whose offset was not moved for so many seconds."""
        now = time.monotonic()
        return [
            partition
            for partition in self.partitions.offsets
            if now - self._known_at.setdefault(partition, now) >= older_than_s
        ]

    def touch(self, partitions: Iterable[TopicPartition]) -> None:
        """Count these as moved now."""
        self._known_at |= dict.fromkeys(partitions, time.monotonic())


def _refuse_to_save(_: dict[str, Any]) -> None:
    raise SinkError("the Kafka sink is not open")
