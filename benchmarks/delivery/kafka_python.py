"""kafka-python alone: COUNT, BATCH_BYTES and LINGER_MS are its arguments."""

from __future__ import annotations

import os
import sys
from collections import deque
from typing import Any

from kafka import KafkaProducer

from benchmarks.delivery.record import KEY, VALUE, headers

# As many as the sidecar: more would measure memory, fewer the waiting.
IN_FLIGHT = 8_000


def main() -> None:
    """The sidecar's settings; every acknowledgement is looked at."""
    count, batch_bytes, linger_ms = map(int, sys.argv[1:])
    producer = KafkaProducer(
        bootstrap_servers=os.environ["BOOTSTRAP_SERVERS"],
        acks="all",
        enable_idempotence=True,
        linger_ms=linger_ms,
        batch_size=batch_bytes,
    )
    topic = os.environ["TOPIC_MODEL_STATUS"]
    futures: deque[Any] = deque()
    for index in range(count):
        if len(futures) >= IN_FLIGHT:
            futures.popleft().get(60)
        futures.append(producer.send(topic, VALUE, key=KEY, partition=0, headers=headers(index)))
    for future in futures:
        future.get(60)
    producer.close()


if __name__ == "__main__":
    main()
