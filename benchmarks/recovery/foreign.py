"""Another program that writes to the topic: ``python -m benchmarks.recovery.foreign``.

Arguments: COUNT, CODEC and how many records a batch has.
"""

from __future__ import annotations

import os
import sys

from confluent_kafka import Producer

from benchmarks.delivery.record import VALUE

KEY = b"another-instance"


def main() -> None:
    """Write, and see that all arrived."""
    count, codec, batch = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    producer = Producer(
        {
            "bootstrap.servers": os.environ["BOOTSTRAP_SERVERS"],
            "compression.type": codec,
            "batch.num.messages": batch,
            "linger.ms": 5,
        }
    )
    topic = os.environ["TOPIC_MODEL_STATUS"]
    for _ in range(count):
        while True:
            try:
                producer.produce(topic, VALUE, KEY)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(600):
        sys.exit("not all records arrived")


if __name__ == "__main__":
    main()
