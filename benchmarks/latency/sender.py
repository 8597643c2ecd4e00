"""Says messages at a rate: ``python -m benchmarks.latency.sender WHO RATE SECONDS``.

It says one message, tells that it is ready, and goes on when it is asked to (`benchmarks.worker`).

Each message holds the moment it was said (``perf_counter_ns``, one clock for all processes of the
machine). The schedule is absolute: a late message does not put off the next ones.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable


def main() -> None:
    """Warm up by one message, then keep the rate."""
    who, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    say, flush = _SENDERS[who]()
    say(0)  # opens connections and the first segment; the consumer leaves it out
    flush()
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    for index in range(int(rate * seconds)):
        # Out of step with the timers of those who are measured.
        at = start + (index + 0.2 * (index % 4)) / rate
        pause = at - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        say(time.perf_counter_ns())
    flush()
    print(json.dumps({"said": int(rate * seconds)}), flush=True)


Prepared = tuple[Callable[[int], None], Callable[[], None]]


def _ours() -> Prepared:
    import dubhe_sdk

    context = dubhe_sdk.Context({})

    def say(said: int) -> None:
        context.logProgressByEpoch(1, 0.5, {"said": said})

    return say, lambda: None


def _kafka_python() -> Prepared:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=os.environ["BOOTSTRAP_SERVERS"])
    topic = os.environ["TOPIC_MODEL_STATUS"]

    def say(said: int) -> None:
        producer.send(topic, json.dumps({"data": {"said": said}}).encode(), partition=0)

    return say, lambda: producer.flush(30)


def _confluent() -> Prepared:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": os.environ["BOOTSTRAP_SERVERS"]})
    topic = os.environ["TOPIC_MODEL_STATUS"]

    def say(said: int) -> None:
        producer.produce(topic, json.dumps({"data": {"said": said}}), partition=0)
        producer.poll(0)

    def flush() -> None:
        producer.flush(30)

    return say, flush


_SENDERS = {"ours": _ours, "kafka-python": _kafka_python, "confluent-kafka": _confluent}

if __name__ == "__main__":
    main()
