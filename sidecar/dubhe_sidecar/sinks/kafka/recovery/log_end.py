"""Where a partition's log ends, on its leader: beyond what a consumer sees.

Problem: a consumer sees a record only when all replicas in sync have it. One that the leader has
taken but not yet given to the others lies beyond the end that consumers see, for as long as the
others are unavailable. A tail that is read up to that end lacks it; sending it again repeats it.

Mechanism: the question "where does the leader's current epoch end" (OffsetsForLeaderEpoch, which
consumers ask to notice truncation; needs Describe) is answered with the end of the log itself.
So a tail is known only when the end that consumers see has reached that one.

kafka-python has no public call for it, see ``leader.py``. Brokers before 2.3 report no epochs:
there the end that consumers see has to do.
"""

from __future__ import annotations

from kafka import KafkaConsumer
from kafka.errors import NoError, for_code
from kafka.protocol.consumer import OffsetForLeaderEpochRequest
from kafka.structs import TopicPartition

from dubhe_sidecar.sinks.kafka.recovery.leader import ask_leader

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
    cluster = consumer._manager.cluster
    epoch = cluster.leader_epoch_for_partition(partition)
    if epoch is None or epoch < 0:
        return 0
    asked = _Partition(
        partition=partition.partition, current_leader_epoch=epoch, leader_epoch=epoch
    )
    request = OffsetForLeaderEpochRequest(replica_id=_CONSUMER, topics=[(partition.topic, [asked])])
    [topic] = ask_leader(consumer, partition, request, timeout_s).topics
    [answer] = topic.partitions
    error = for_code(answer.error_code)
    if error is not NoError:
        cluster.request_update()
        raise error(f"{partition.topic}-{partition.partition}: end of the log")
    return int(answer.end_offset)
