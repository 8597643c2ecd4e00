"""confluent-kafka: `produce` and `poll(0)` in the loop; librdkafka's threads deliver."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from confluent_kafka import Producer


def prepare(folder: str) -> Callable[[int], None]:
    """Default settings. A full queue is waited for, as its documentation advises."""
    producer = Producer({"bootstrap.servers": os.environ["BOOTSTRAP_SERVERS"]})
    topic = os.environ["TOPIC_MODEL_STATUS"]
    producer.produce(topic, b"{}")
    producer.flush(30)

    def report(step: int) -> None:
        value = json.dumps({"step": step, "loss": 0.123456})
        while True:
            try:
                producer.produce(topic, value)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)

    return report
