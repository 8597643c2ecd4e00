"""kafka-python's consumer, which reads every record: ``python -m benchmarks.recovery.consume``."""

from __future__ import annotations

import os

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from benchmarks.recovery.report import report


def main() -> None:
    """Read the topic to its end, and look at each key."""
    partition = TopicPartition(os.environ["TOPIC_MODEL_STATUS"], 0)
    consumer = KafkaConsumer(
        bootstrap_servers=os.environ["BOOTSTRAP_SERVERS"],
        group_id=None,
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        max_poll_records=10_000,
        metrics_enabled=False,
    )
    consumer.assign([partition])
    consumer.seek(partition, 0)
    end = consumer.end_offsets([partition])[partition]
    with report():
        while consumer.position(partition) < end:
            for records in consumer.poll(200).values():
                for record in records:
                    if record.key == b"ours":
                        raise SystemExit("a record of ours, where there is none")
    consumer.close()


if __name__ == "__main__":
    main()
