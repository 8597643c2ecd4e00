"""Topics that lose messages by compaction."""

from __future__ import annotations

import logging

import pytest

from dubhe_sidecar.sinks.base import WarningCode
from dubhe_sidecar.sinks.kafka.diagnostics.topic_config import compaction_warning
from tests.dubhe_sidecar.sinks.kafka.helpers import Cursor, deliver, open_sink, record, until
from tests.kafka.broker import Broker


@pytest.mark.parametrize(
    ("policy", "warned"),
    [("delete", False), ("", False), ("compact", True), ("delete, compact", True)],
)
def test_which_policies_lose_messages(policy: str, warned: bool) -> None:
    assert (compaction_warning("t", policy) is not None) is warned


@pytest.mark.needs("java")
def test_a_compacted_topic_is_reported_and_delivery_goes_on(
    kafka: Broker, topic: str, topic_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.create_topic(f"{topic_name}-c", config={"cleanup.policy": "compact,delete"})
    with caplog.at_level(logging.WARNING, "dubhe_sidecar"):
        sink = open_sink(kafka.bootstrap, Cursor())
        deliver(sink, [record(topic, 1), record(f"{topic_name}-c", 2)])
        until(lambda: bool(sink.warnings))
        deliver(sink, [record(f"{topic_name}-c", 3)])
    [warning] = sink.warnings
    assert warning.code is WarningCode.COMPACTED_TOPIC
    assert f"topic {topic_name}-c has cleanup.policy=compact" in warning.text
    assert caplog.text.count(warning.text) == 1
    assert sink.outage is None
    sink.close()
