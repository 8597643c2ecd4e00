"""Notes when each message is seen: ``python -m benchmarks.latency.consumer COUNT SECONDS``.

A plain consumer (librdkafka), in a process of its own. It speaks three lines: that it listens, that
the warm-up has come, and in the end the delays in ns.
"""

from __future__ import annotations

import json
import os
import sys
import time

from confluent_kafka import Consumer, TopicPartition

from benchmarks.stats import quantiles


def main() -> None:
    """Read until all have come or the time is over."""
    count, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
    consumer = Consumer({"bootstrap.servers": os.environ["BOOTSTRAP_SERVERS"], "group.id": "bench"})
    consumer.assign([TopicPartition(os.environ["TOPIC_MODEL_STATUS"], 0, 0)])
    consumer.poll(0)
    print(json.dumps({"ready": True}), flush=True)
    delays: list[float] = []
    while len(delays) < count and time.monotonic() < end:
        message = consumer.poll(0.5)
        if message is None or message.error() is not None:
            continue
        seen = time.perf_counter_ns()
        said = json.loads(message.value() or b"")["data"].get("said")
        if said:
            delays.append(seen - said)
        else:
            print(json.dumps({"warm": True}), flush=True)
    consumer.close()
    print(json.dumps({"ns": quantiles(delays), "seen": len(delays)}), flush=True)


if __name__ == "__main__":
    main()
