"""Questions to the leader of a partition for which kafka-python has no public call.

The consumer's connections (``_manager``) and the protocol classes are used directly. They are
private: the upper bound of kafka-python in ``pyproject.toml`` keeps out releases in which they may
differ.
"""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer
from kafka.errors import LeaderNotAvailableError
from kafka.structs import TopicPartition


def ask_leader(
    consumer: KafkaConsumer, partition: TopicPartition, request: Any, timeout_s: float
) -> Any:
    """Send a request to the leader of a partition and return the response.

    Args:
        consumer: knows the partition's topic, and has a connection or makes one.
        partition: of which topic and number.
        request: of `kafka.protocol`.
        timeout_s: how long to wait for the answer.

    Raises:
        KafkaError: there is no leader, it cannot be reached, or it does not answer.
    """
    manager = consumer._manager
    leader = manager.cluster.leader_for_partition(partition)
    if leader in (None, -1):
        manager.cluster.request_update()
        raise LeaderNotAvailableError(f"{partition.topic}-{partition.partition} has no leader")

    async def ask() -> Any:
        return await manager.wait_for(manager.send(request, node_id=leader), timeout_s * 1000)

    return manager.run(ask)
