"""Spool → Kafka, against a real broker: `python -m benchmarks.delivery`.

* backlog: 200 000 messages lie in the spool; how long does a sidecar take, from its start to its
  end, beside a process that sends the same messages from memory with kafka-python alone and the
  same settings;
* said to seen: one message at a time on an idle system, from the ``log…`` call to the return of
  an independent consumer's poll (librdkafka).

The broker is the one of the tests (tests/kafka): a JDK and Maven are needed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from benchmarks.report import percentile, table
from tests.kafka.broker import Broker

MESSAGES = 200_000
ROUNDS = 3
SAYINGS = 300

_FILL = """
import sys, dubhe_sdk
context = dubhe_sdk.Context({})
for index in range(int(sys.argv[1])):
    context.logProgressByBatch(1, index, 1000, 0.5, {"loss": 0.123456, "accuracy": 0.987})
"""

_ALONE = """
import os, sys
from kafka import KafkaProducer
from dubhe_sidecar.sinks.kafka.limits import Limits
count, topic = int(sys.argv[1]), sys.argv[2]
limits = Limits()
producer = KafkaProducer(
    bootstrap_servers=os.environ["BOOTSTRAP_SERVERS"], acks="all", enable_idempotence=True,
    linger_ms=limits.linger_ms, batch_size=limits.batch_bytes,
)
value = b'{"instance_id":"bench-delivery-train-1","request_number":3415043289293958421,' \\
    b'"date":1795549051326,"mes_type":2,"data":{"loss":0.123456,"accuracy":0.987,' \\
    b'"progress":0.5,"epoch":1}}'
futures = []
for index in range(count):
    futures.append(producer.send(topic, value, key=b"bench-delivery-train-1", partition=0,
        headers=[("dubhe-writer", b"01a20f1039be-2627-c09ddf62"), ("dubhe-seq", b"%d" % index),
                 ("dubhe-batch", b"%d/1000" % (index % 1000))]))
for future in futures:
    future.get(60)
producer.close()
"""


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Broker(Path(folder, "kafka")) as broker,
    ):
        backlog(broker, Path(folder))
        said_to_seen(broker, Path(folder))


def backlog(broker: Broker, folder: Path) -> None:
    ours, alone = [], []
    for number in range(ROUNDS):
        topic = f"backlog-{number}"
        for name in (topic, f"{topic}-alone"):
            broker.create_topic(name)
        environment = environment_of(broker, folder / f"round-{number}", topic)
        run([sys.executable, "-c", _FILL, str(MESSAGES)], environment)
        ours.append(run([*dubhe(), "sidecar", "--drain"], environment))
        alone.append(
            run([sys.executable, "-c", _ALONE, str(MESSAGES), f"{topic}-alone"], environment)
        )
    rate, rate_alone = (MESSAGES / statistics.median(times) for times in (ours, alone))
    table(
        f"backlog of {MESSAGES} messages, {ROUNDS} rounds, medians, process start included",
        [
            ("kafka-python alone", f"{rate_alone:,.0f} messages/s"),
            ("sidecar", f"{rate:,.0f} messages/s"),
            ("ratio", f"{rate / rate_alone:.2f}"),
        ],
    )


def said_to_seen(broker: Broker, folder: Path) -> None:
    topic = "said-to-seen"
    broker.create_topic(topic)
    environment = environment_of(broker, folder / "latency", topic)
    os.environ.update(environment)
    import dubhe_sdk

    sidecar = subprocess.Popen([*dubhe(), "sidecar"], env=environment)
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap, "group.id": "bench", "fetch.wait.max.ms": 500}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    context = dubhe_sdk.Context({})
    delays = []
    try:
        for index in range(SAYINGS + 10):
            said = time.perf_counter()
            context.logProgressByBatch(1, index, 1000, 0.5, {"loss": 0.5})
            while True:
                message = consumer.poll(10)
                if message is not None and message.error() is None:
                    break
            assert json.loads(message.value())["mes_type"] == 2
            if index >= 10:  # the first ones wait for the sidecar to start
                delays.append((time.perf_counter() - said) * 1e3)
            time.sleep(0.02 + index % 7 * 0.005)  # idle, and out of step with any timer
    finally:
        consumer.close()
        sidecar.terminate()
        sidecar.wait()
    table(
        f"said to seen, {SAYINGS} messages one at a time",
        [
            ("median", f"{percentile(delays, 0.5):.1f} ms"),
            ("p99", f"{percentile(delays, 0.99):.1f} ms"),
        ],
    )


def dubhe() -> list[str]:
    return [sys.executable, "-m", "dubhe_sdk.bin.dubhe"]


def environment_of(broker: Broker, folder: Path, topic: str) -> dict[str, str]:
    return {
        **os.environ,
        "PLATFORM_TYPE": "1",
        "PORT": "8030",
        "BOOTSTRAP_SERVERS": broker.bootstrap,
        "TOPIC_MODEL_STATUS": topic,
        "TOPIC_MODEL_RESULT": topic,
        "INSTANCE_ID": "bench-delivery-train-1",
        "DUBHE_TEMPORARY": str(folder),
    }


def run(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
