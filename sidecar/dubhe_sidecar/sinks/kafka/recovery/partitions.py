"""Which partition a record goes to, and from where that partition's tail is to be read.

Problem: the order of an instance holds only within one partition, and a key's partition depends
on how many partitions there are. Adding some, while an instance is running, would send its later
records elsewhere, where a consumer may read them before the earlier ones.

Mechanism: the number of partitions is kept as it was when the topic was first used, in the state
that survives restarts. It changes only if the partition it leads to has gone, which happens when
a topic is deleted and made anew: there is no older record then to stay behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kafka.partitioner.default import murmur2
from kafka.structs import TopicPartition

from dubhe_sidecar.sinks.base import SinkError


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key as Kafka's own clients choose it."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class Places:
    """The topics in use: pinned number of partitions, keys, and one offset per partition.

    The offset is where our unacknowledged records can begin: after the last acknowledged record,
    or, before the first one, the end of the partition as it was before anything was sent.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self.offsets: dict[TopicPartition, int] = {}
        self._pinned: dict[str, int] = {}
        self._keys: dict[str, set[bytes]] = {}
        self._found: dict[tuple[str, bytes], TopicPartition] = {}
        try:
            for topic, kept in (state or {}).get("topics", {}).items():
                self._pinned[topic] = int(kept["partitions"])
                self._keys[topic] = {key.encode("latin-1") for key in kept["keys"]}
                for partition, offset in kept["offsets"].items():
                    self.offsets[TopicPartition(topic, int(partition))] = int(offset)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SinkError(
                f"the saved state of the Kafka sink is not one: {type(error).__name__} {error}; "
                "found in the cursor, expected what KafkaSink.state() returned"
            ) from error

    @property
    def keys(self) -> frozenset[bytes]:
        """All keys that were ever sent."""
        return frozenset().union(*self._keys.values())

    @property
    def topics(self) -> Iterable[str]:
        """The topics in use."""
        return self._pinned.keys()

    def find(self, topic: str, key: bytes) -> TopicPartition | None:
        """Return where a key goes, if that was settled in this process."""
        return self._found.get((topic, key))

    def choose(self, topic: str, key: bytes, partitions: int) -> TopicPartition:
        """Return where a key goes, given how many partitions the topic has now."""
        pinned = self._pinned.get(topic, partitions)
        place = TopicPartition(topic, partition_of(key, pinned))
        if place.partition >= partitions:
            place = TopicPartition(topic, partition_of(key, partitions))
        return place

    def settle(self, place: TopicPartition, key: bytes, partitions: int, end: int | None) -> None:
        """Keep where a key goes.

        Args:
            place: what `choose` returned.
            key: the key.
            partitions: how many partitions the topic has now.
            end: the end of the partition, if nothing was known about it.
        """
        topic = place.topic
        if place.partition != partition_of(key, self._pinned.setdefault(topic, partitions)):
            self._pinned[topic] = partitions
            self.forget(topic)
        self._keys.setdefault(topic, set()).add(key)
        if end is not None:
            self.offsets[place] = end
        self._found[topic, key] = place

    def is_new(self, place: TopicPartition, key: bytes) -> bool:
        """Whether the state lacks what a tail read needs to know about this key and place."""
        return place not in self.offsets or key not in self._keys.get(place.topic, ())

    def forget(self, topic: str) -> None:
        """Have the places of a topic settled again, for its partitions have changed."""
        for found in [found for found in self._found if found[0] == topic]:
            del self._found[found]

    def state(self) -> dict[str, Any]:
        """Return what the constructor takes, JSON-serialisable."""
        return {
            "topics": {
                topic: {
                    "partitions": partitions,
                    "keys": sorted(key.decode("latin-1") for key in self._keys[topic]),
                    "offsets": {
                        str(place.partition): offset
                        for place, offset in self.offsets.items()
                        if place.topic == topic
                    },
                }
                for topic, partitions in self._pinned.items()
            }
        }
