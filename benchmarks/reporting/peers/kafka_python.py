"""kafka-python: `send` in the loop; its own thread delivers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from kafka import KafkaProducer


def prepare(folder: str) -> Callable[[int], None]:
    """Default settings but for a JSON serializer. The first send fetches the metadata."""
    producer = KafkaProducer(
        bootstrap_servers=os.environ["BOOTSTRAP_SERVERS"],
        value_serializer=lambda value: json.dumps(value).encode(),
    )
    topic = os.environ["TOPIC_MODEL_STATUS"]
    producer.send(topic, {"step": -1, "loss": 0.123456}).get(30)

    def report(step: int) -> None:
        producer.send(topic, {"step": step, "loss": 0.123456})

    return report
