"""The sidecar's sink, as it starts after a crash: ``python -m benchmarks.recovery.resume``."""

from __future__ import annotations

import os

from benchmarks.delivery.record import KEY
from benchmarks.recovery.report import report
from dubhe_sidecar.sinks.kafka import KafkaSettings, KafkaSink


def main() -> None:
    """The topic holds records behind the offset that the state has, and none of them is ours."""
    topic = os.environ["TOPIC_MODEL_STATUS"]
    state = {
        "topics": {topic: {"partitions": 1, "keys": [KEY.decode()], "offsets": {"0": 0}}},
        "producer_ids": [],
    }
    sink = KafkaSink(KafkaSettings.from_environment(os.environ))
    sink.connect()
    with report():
        sink.open(state, undelivered=True, save=lambda _: None)
    sink.close()


if __name__ == "__main__":
    main()
