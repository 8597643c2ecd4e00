"""All records of an instance go to one partition."""

from __future__ import annotations

import pytest

from dubhe_sidecar.sinks.base import SinkError
from dubhe_sidecar.sinks.kafka.recovery.partitions import PartitionMap, TopicPartition, partition_of
from tests.dubhe_sidecar.sinks.kafka.helpers import KEY, Cursor, deliver, open_sink, record
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic

# Keys whose partition among 2 differs from that among 5.
MOVING = [
    key for key in (b"k%d" % n for n in range(20)) if partition_of(key, 2) != partition_of(key, 5)
]


@pytest.mark.parametrize(
    ("key", "hash_"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)],
)
def test_chooses_as_the_java_client_does(key: bytes, hash_: int) -> None:
    assert partition_of(key, 1000) == (hash_ & 0x7FFFFFFF) % 1000


def test_partitions_added_later_change_nothing(kafka: Broker, topic_name: str) -> None:
    kafka.create_topic(topic_name, 2)
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    deliver(sink, [record(topic_name, n, key=key) for n, key in enumerate(MOVING)])
    kafka.add_partitions(topic_name, 5)
    deliver(sink, [record(topic_name, n, key=key) for n, key in enumerate(MOVING, 100)])
    cursor.save(sink.state())
    sink.close()
    sink = open_sink(kafka.bootstrap, cursor)
    deliver(sink, [record(topic_name, n, key=key) for n, key in enumerate(MOVING, 200)])
    sink.close()
    messages = read_topic(kafka.bootstrap, topic_name)
    assert len(messages) == 3 * len(MOVING)
    for key in MOVING:
        assert {m.partition for m in messages if m.key == key} == {partition_of(key, 2)}


def test_a_topic_created_again_with_fewer_partitions(kafka: Broker, topic_name: str) -> None:
    key = next(key for key in MOVING if partition_of(key, 5) > 1)
    kafka.create_topic(topic_name, 5)
    cursor = Cursor()
    sink = open_sink(kafka.bootstrap, cursor)
    deliver(sink, [record(topic_name, n, key=key) for n in range(5)])
    cursor.save(sink.state())
    sink.close()
    kafka.delete_topic(topic_name)
    kafka.create_topic(topic_name, 2)
    sink = open_sink(kafka.bootstrap, cursor)
    deliver(sink, [record(topic_name, n, key=key) for n in range(5, 10)])
    assert sink.state()["topics"][topic_name]["partitions"] == 2
    sink.close()
    found = {(m.partition, m.value) for m in read_topic(kafka.bootstrap, topic_name)}
    assert found == {(partition_of(key, 2), b"value-%d" % n) for n in range(5, 10)}


def test_state_survives_json() -> None:
    partitions = PartitionMap()
    odd = b"\xff\x00"
    for key in (KEY, odd):
        partition = partitions.choose("t", key, 4)
        partitions.assign(partition, key, 4, 17)
    copy = PartitionMap(partitions.state())
    assert copy.state() == partitions.state()
    assert copy.keys == {KEY, odd}
    assert copy.offsets == partitions.offsets
    assert copy.choose("t", KEY, 9) == TopicPartition("t", partition_of(KEY, 4))
    assert not copy.is_new(copy.choose("t", odd, 9), odd)
    assert copy.is_new(copy.choose("t", odd, 9), b"other")


@pytest.mark.parametrize("state", [{"topics": []}, {"topics": {"t": {"partitions": "x"}}}, []])
def test_a_state_of_another_shape_is_an_error(state: object) -> None:
    with pytest.raises(SinkError, match="saved state"):
        PartitionMap(state or {"topics": {"t": 1}})  # type: ignore[arg-type]
