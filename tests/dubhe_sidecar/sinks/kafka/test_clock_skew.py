"""A host whose clock the broker refuses: nothing is lost, and delivery stays fast."""

from __future__ import annotations

import dataclasses
import logging
import time
from types import SimpleNamespace

import pytest

from dubhe_sidecar.sinks.base import WarningCode
from dubhe_sidecar.sinks.kafka.producer import batch
from tests.dubhe_sidecar.sinks.kafka.helpers import (
    FAST,
    Cursor,
    deliver,
    numbers,
    open_sink,
    record,
)
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic

COUNT = 2_000
AHEAD_S = 7_200.0  # Kafka accepts an hour


class ShiftedClock:
    """The wall clock of the producer, which a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_s = AHEAD_S
        shifted = SimpleNamespace(time=lambda: time.time() + self.ahead_s, sleep=time.sleep)
        monkeypatch.setattr(batch, "time", shifted)


def clock_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [one.getMessage() for one in caplog.records if one.name == "dubhe_sidecar"]
    return [line for line in ours if "host's clock" in line]


def test_a_clock_that_is_ahead_costs_two_producers_once(
    kafka: Broker, topic: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dubhe_sidecar")
    ShiftedClock(monkeypatch)
    producers = set[int]()

    class Watched(Cursor):
        def save(self, state: dict[str, object]) -> None:
            super().save(state)
            ids = state["producer_ids"]
            assert isinstance(ids, list)
            producers.update(ids)

    sink = open_sink(kafka.bootstrap, Watched())
    assert not sink.warnings
    assert not any(o.rejected for o in deliver(sink, [record(topic, n) for n in range(COUNT)]))
    assert [warning.code for warning in sink.warnings] == [WarningCode.CLOCK]
    assert sink.outage is None
    more = deliver(sink, [record(topic, n) for n in range(COUNT, COUNT + 50)])
    assert not any(outcome.rejected for outcome in more)
    sink.close()
    messages = read_topic(kafka.bootstrap, topic)
    assert numbers(messages) == list(range(COUNT + 50))
    assert {message.timestamp_ms for message in messages} == {-1}
    assert len(producers) <= 3  # a shared batch, the first record alone, all of it
    assert len(clock_lines(caplog)) == 1


def test_a_clock_that_is_set_is_noticed(
    kafka: Broker, topic: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dubhe_sidecar")
    clock = ShiftedClock(monkeypatch)
    limits = dataclasses.replace(FAST, dated_again_s=0.0)
    sink = open_sink(kafka.bootstrap, Cursor(), limits)
    for n in range(2):  # refused again: not reported again
        deliver(sink, [record(topic, n)])
        assert sink.warnings
    clock.ahead_s = 0.0
    deliver(sink, [record(topic, 2)])
    assert not sink.warnings
    sink.close()
    dated = [message.timestamp_ms > 0 for message in read_topic(kafka.bootstrap, topic)]
    assert dated == [False, False, True]
    lines = clock_lines(caplog)
    assert len(lines) == 2
    assert "accepts this host's clock again" in lines[1]
