"""Where a partition's log ends, on its leader: beyond what a consumer sees.

Problem: a consumer sees a record only when all replicas in sync have it. One that the leader has
taken but not yet given to the others lies beyond the end that consumers see, for as long as the
others are unavailable. A tail that is read up to that end lacks it; sending it again repeats it.

Mechanism: the question "where does the leader's current epoch end" (OffsetsForLeaderEpoch, which
consumers ask to notice truncation; needs Describe) is answered with the end of the log itself.
So a tail is known only when the end that consumers see has reached that one.

kafka-python has no public call for it, so the consumer's connections (``_manager``) and the
protocol classes are used directly. They are private: the upper bound of kafka-python in
``pyproject.toml`` keeps out releases in which they may differ. Brokers before 2.3 report no epochs:
there the end that consumers see has to do.
"""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer
from kafka.errors import LeaderNotAvailableError, NoError, for_code
from kafka.protocol.consumer import OffsetForLeaderEpochRequest
from kafka.structs import TopicPartition

_CONSUMER = -1  # as a replica's id
_Topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic
_Partition = _Topic.OffsetForLeaderPartition


def log_end(consumer: KafkaConsumer, partition: TopicPartition, timeout_s: float) -> int:
    """Return the offset that the leader gives to the next record; 0 if it cannot be learned.

    Args:
        consumer: has asked the leader something already, so that it is connected.
        partition: of which topic and number.
        timeout_s: how long to wait for the answer.

    Raises:
        KafkaError: the leader does not answer, or is not the leader any more.
    """
    manager = consumer._manager
    leader = manager.cluster.leader_for_partition(partition)
    epoch = manager.cluster.leader_epoch_for_partition(partition)
    if leader in (None, -1):
        raise LeaderNotAvailableError(f"{partition.topic}-{partition.partition} has no leader")
    if epoch is None or epoch < 0:
        return 0
    asked = _Partition(
        partition=partition.partition, current_leader_epoch=epoch, leader_epoch=epoch
    )
    request = OffsetForLeaderEpochRequest(replica_id=_CONSUMER, topics=[(partition.topic, [asked])])

    async def ask() -> Any:
        return await manager.wait_for(manager.send(request, node_id=leader), timeout_s * 1000)

    [topic] = manager.run(ask).topics
    [answer] = topic.partitions
    error = for_code(answer.error_code)
    if error is not NoError:
        manager.cluster.request_update()
        raise error(f"{partition.topic}-{partition.partition}: end of the log")
    return int(answer.end_offset)
