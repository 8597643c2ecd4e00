"""Three brokers that are one cluster, each on a host of its own, to be mistreated one by one.

Broker and controller share a process, so that three JVMs make the cluster and a quorum of
controllers too. What one broker loses the two others still have: topics have three replicas, and
a record counts when two have it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import ClusterMetadata, PartitionMetadata, TopicMetadata
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.kafka import topics
from tests.kafka.broker import Broker
from tests.network.lab import Lab
from tests.support.waiting import wait_for

SIZE = 3
JVM = ("-Xmx256m",)
PROPERTIES = {
    "replica.lag.time.max.ms": "3000",  # then a silent follower is not waited for (30 s otherwise)
    "replica.fetch.wait.max.ms": "100",
    "auto.create.topics.enable": "false",
    # Every 300 s leadership would move to the preferred replicas, in the middle of a test.
    "auto.leader.rebalance.enable": "false",
}
HEAL_S = 60.0
METADATA_S = 3.0


class Cluster:
    """Use as a context manager. Node ``n`` is ``brokers[n - 1]`` on the host ``broker-n``.

    Args:
        directory: an empty directory for all of it.
        lab: a network with the hosts of `HOSTS`.
    """

    HOSTS = tuple(f"broker-{number}" for number in range(1, SIZE + 1))

    def __init__(self, directory: Path, lab: Lab) -> None:
        self.lab = lab
        self.brokers = [
            Broker(
                directory / name,
                jvm=JVM,
                host=lab[name].address,
                prefix=lab[name].prefix,
            )
            for name in self.HOSTS
        ]
        voters = ",".join(f"{n}@{broker.controller}" for n, broker in enumerate(self.brokers, 1))
        for number, broker in enumerate(self.brokers, 1):
            broker.configure(
                {**PROPERTIES, "node.id": f"{number}", "controller.quorum.voters": voters}
            )

    @property
    def bootstrap(self) -> str:
        """All brokers, as a client is told."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def host(self, node: int) -> str:
        """Return the name of a node's host."""
        return self.HOSTS[node - 1]

    def __getitem__(self, node: int) -> Broker:
        return self.brokers[node - 1]

    def __enter__(self) -> Cluster:
        self.start(range(1, SIZE + 1))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for broker in self.brokers:
            broker.thaw()
            broker.kill()

    def start(self, nodes: Iterable[int]) -> None:
        """Start nodes, together: one alone may have nobody to form a quorum with."""
        with ThreadPoolExecutor(SIZE) as pool:
            list(pool.map(lambda node: self[node].start(), nodes))

    def heal(self) -> None:
        """Start who is down, let everything through, and wait until all replicas are in sync."""
        self.lab.heal()
        for broker in self.brokers:
            broker.thaw()
        self.start(node for node in range(1, SIZE + 1) if self[node].pid is None)
        wait_for(self.in_sync, "all replicas in sync", HEAL_S)

    def create_topic(self, name: str, config: Mapping[str, str] | None = None) -> None:
        """Create a topic: one partition, a replica on each broker, two of which must have it."""
        topics.create(
            self[1].admin(), name, 1, {"min.insync.replicas": "2", **(config or {})}, SIZE
        )

    def leader(self, topic: str) -> int:
        """Return the node that leads a topic's partition, -1 if none does.

        Brokers that cannot see each other disagree; then what most of them say counts.
        """
        said = [partition.leader for partition in self._partitions(topic)]
        return max(set(said), key=said.count, default=-1)

    def controller(self) -> int | None:
        """Return the node of the active controller; None if the broker that was asked is away."""
        try:
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap.split(","))
        except KafkaError:
            return None
        try:
            [topic] = admin.describe_metadata_quorum()["topics"]
            leader: int = topic["partitions"][0]["leader_id"]
        except KafkaError:
            return None
        finally:
            admin.close()
        return leader

    def in_sync(self) -> bool:
        """Whether every broker says of every topic that all replicas have everything.

        One that has just come back may not know a topic yet, and says nothing of it.
        """
        listed = list(self._listed())
        names = {name for metadata in listed for name in metadata.topics}
        return len(listed) == SIZE and all(
            name in metadata.topics and _is_whole(metadata.topics[name])
            for metadata in listed
            for name in names
        )

    def _partitions(self, topic: str) -> Iterator[PartitionMetadata]:
        for metadata in self._listed():
            if topic in metadata.topics and metadata.topics[topic].partitions:
                yield metadata.topics[topic].partitions[0]

    def _listed(self) -> Iterator[ClusterMetadata]:
        for broker in self.brokers:
            if broker.pid is not None:
                with contextlib.suppress(KafkaException):  # frozen, or not up yet
                    yield broker.admin().list_topics(timeout=METADATA_S)


def _is_whole(topic: TopicMetadata) -> bool:
    """Return whether each partition has a leader, and all replicas are in sync."""
    return bool(topic.partitions) and all(
        partition.leader >= 0 and len(partition.isrs) == len(partition.replicas)
        for partition in topic.partitions.values()
    )
