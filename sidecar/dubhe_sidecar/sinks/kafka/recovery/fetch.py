"""One fetch from a partition, as bytes.

kafka-python's consumer parses and decompresses what it fetches before anyone can say that it is of
no use; see ``leader.py`` for how it is gone round.
"""

from __future__ import annotations

from typing import NamedTuple

from kafka import KafkaConsumer
from kafka.errors import NoError, for_code
from kafka.protocol.consumer import FetchRequest
from kafka.structs import TopicPartition

from dubhe_sidecar.sinks.kafka.recovery.leader import ask_leader

WAIT_MS = 50
_LAST_WITH_NAMES = 12  # later versions of the request name topics by their ids
_FIRST_OF_FORMAT_2 = 4
_Topic = FetchRequest.FetchTopic
_Partition = _Topic.FetchPartition


class Fetched(NamedTuple):
    """What a leader answered."""

    data: bytes
    """Batches from the one that holds the offset; the last one may be cut off."""
    end: int
    """Where consumers see the partition end."""
    throttled: bool
    """Whether a quota is used up: then there may be no data though there is some."""


def fetch(
    consumer: KafkaConsumer,
    partition: TopicPartition,
    offset: int,
    size: int,
    timeout_s: float,
) -> Fetched:
    """Read from a partition; also what belongs to aborted or open transactions.

    Args:
        consumer: knows the partition's topic.
        partition: of which topic and number.
        offset: the first that is wanted.
        size: how many bytes at most; the first batch comes whole, whatever its size.
        timeout_s: how long to wait for the answer.

    Raises:
        KafkaError: what the leader answered, or that it did not.
    """
    request = FetchRequest(
        replica_id=-1,
        max_wait_ms=WAIT_MS,
        min_bytes=1,
        max_bytes=size,
        isolation_level=0,
        session_id=0,
        session_epoch=-1,
        topics=[
            _Topic(
                topic=partition.topic,
                partitions=[
                    _Partition(
                        partition=partition.partition,
                        current_leader_epoch=-1,
                        fetch_offset=offset,
                        last_fetched_epoch=-1,
                        log_start_offset=-1,
                        partition_max_bytes=size,
                    )
                ],
            )
        ],
        forgotten_topics_data=[],
        rack_id="",
        min_version=_FIRST_OF_FORMAT_2,
        max_version=_LAST_WITH_NAMES,
    )
    response = ask_leader(consumer, partition, request, timeout_s)
    error = for_code(getattr(response, "error_code", 0) or 0)
    throttled = bool(response.throttle_time_ms)
    answers = [one for topic in response.responses for one in topic.partitions]
    if error is NoError and answers:
        error = for_code(answers[0].error_code)
    if error is not NoError:
        raise error(f"{partition.topic}-{partition.partition}: fetch at offset {offset}")
    if not answers:
        return Fetched(b"", -1, throttled)
    [answer] = answers
    return Fetched(answer.records or b"", int(answer.high_watermark), throttled)
