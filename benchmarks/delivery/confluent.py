"""confluent-kafka alone: COUNT, BATCH_BYTES and LINGER_MS are its arguments."""

from __future__ import annotations

import os
import sys
from typing import Any

from confluent_kafka import Producer

from benchmarks.delivery.record import KEY, VALUE, headers


def main() -> None:
    """The sidecar's settings, where librdkafka has them; every acknowledgement is looked at."""
    count, batch_bytes, linger_ms = map(int, sys.argv[1:])
    producer = Producer(
        {
            "bootstrap.servers": os.environ["BOOTSTRAP_SERVERS"],
            "acks": "all",
            "enable.idempotence": True,
            "batch.size": batch_bytes,
            "linger.ms": linger_ms,
        }
    )
    topic = os.environ["TOPIC_MODEL_STATUS"]
    acknowledged = 0

    def delivered(error: Any, message: Any) -> None:
        nonlocal acknowledged
        if error is not None:
            raise SystemExit(f"not delivered: {error}")
        acknowledged += 1

    for index in range(count):
        while True:
            try:
                producer.produce(
                    topic,
                    VALUE,
                    KEY,
                    partition=0,
                    headers=headers(index),
                    on_delivery=delivered,
                )
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush(60)
    if acknowledged != count:
        raise SystemExit(f"{acknowledged} acknowledged, expected {count}")


if __name__ == "__main__":
    main()
