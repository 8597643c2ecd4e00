"""Which partition a record goes to, and from where that partition's tail is to be read.

Problem: the order of an instance holds only within one partition, and a key's partition depends
on how many partitions there are. If some are added while an instance is running, its later records
would go elsewhere, where a consumer may read them before the earlier ones.

Mechanism: the number of partitions is kept as it was when the topic was first used, in the state
that survives restarts. It changes only if the partition it leads to no longer exists, which
happens when a topic is deleted and created again: there is no older record then to stay behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka.partitioner.default import murmur2
from kafka.structs import TopicPartition

from dubhe_sidecar.sinks.base import SinkError


def partition_of(key: bytes, count: int) -> int:
    """Return the partition of a key, among ``count``, as Kafka's own clients choose it."""
    return int(murmur2(key) & 0x7FFFFFFF) % count


class PartitionMap:
    """The topics in use: pinned number of partitions, keys, and one offset per partition.

    The offset is where our unacknowledged records can begin: after the last acknowledged record,
    or, before the first one, the end of the partition as it was before anything was sent.

    Args:
        state: what `state` returned, or None.

    Raises:
        SinkError: the state has another shape.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self.offsets: dict[TopicPartition, int] = {}
        self._pinned_counts: dict[str, int] = {}
        self._keys: dict[str, set[bytes]] = {}
        self._assigned: dict[tuple[str, bytes], TopicPartition] = {}
        try:
            for topic, kept in (state or {}).get("topics", {}).items():
                self._pinned_counts[topic] = int(kept["partitions"])
                self._keys[topic] = {key.encode("latin-1") for key in kept["keys"]}
                for number, offset in kept["offsets"].items():
                    self.offsets[TopicPartition(topic, int(number))] = int(offset)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SinkError(
                "the cursor's saved state of the Kafka sink is malformed: "
                f"{type(error).__name__} {error}; expected what KafkaSink.state() returned"
            ) from error

    @property
    def keys(self) -> frozenset[bytes]:
        """All keys that were ever sent."""
        return frozenset().union(*self._keys.values())

    def find(self, topic: str, key: bytes) -> TopicPartition | None:
        """Return where a key goes, if that was assigned in this process."""
        return self._assigned.get((topic, key))

    def choose(self, topic: str, key: bytes, count: int) -> TopicPartition:
        """Return where a key goes, given how many partitions the topic has now."""
        pinned = self._pinned_counts.get(topic, count)
        partition = TopicPartition(topic, partition_of(key, pinned))
        if partition.partition >= count:
            partition = TopicPartition(topic, partition_of(key, count))
        return partition

    def assign(self, partition: TopicPartition, key: bytes, count: int, end: int | None) -> None:
        """Keep where a key goes.

        Args:
            partition: what `choose` returned.
            key: the key.
            count: how many partitions the topic has now.
            end: the end of the partition, if nothing was known about it.
        """
        topic = partition.topic
        if partition.partition != partition_of(key, self._pinned_counts.setdefault(topic, count)):
            self._pinned_counts[topic] = count
            self.unassign(topic)
        self._keys.setdefault(topic, set()).add(key)
        if end is not None:
            self.offsets[partition] = end
        self._assigned[topic, key] = partition

    def is_new(self, partition: TopicPartition, key: bytes) -> bool:
        """Return whether the state lacks what a tail read needs about this key and partition."""
        return partition not in self.offsets or key not in self._keys.get(partition.topic, ())

    def unassign(self, topic: str) -> None:
        """Have the keys of a topic assigned again, since its partitions have changed."""
        for assigned in [one for one in self._assigned if one[0] == topic]:
            del self._assigned[assigned]

    def forget_offsets(self, topic: str) -> None:
        """Nothing of ours is in doubt in a topic: where it begins is found out at the next use."""
        self.unassign(topic)
        for partition in [one for one in self.offsets if one.topic == topic]:
            del self.offsets[partition]

    def state(self, offsets: Mapping[TopicPartition, int] | None = None) -> dict[str, Any]:
        """Return what the constructor takes, JSON-serialisable.

        Args:
            offsets: earlier ones, of partitions whose present offset must not be saved yet.
        """
        offsets = {**self.offsets, **(offsets or {})}
        return {
            "topics": {
                topic: {
                    "partitions": count,
                    "keys": sorted(key.decode("latin-1") for key in self._keys[topic]),
                    "offsets": {
                        str(partition.partition): offset
                        for partition, offset in offsets.items()
                        if partition.topic == topic
                    },
                }
                for topic, count in self._pinned_counts.items()
            }
        }
