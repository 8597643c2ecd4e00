"""Records, a cursor and short times for tests of the Kafka sink."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from dubhe_sidecar.record import OutgoingRecord, Position
from dubhe_sidecar.sinks.kafka import KafkaLimits, KafkaSettings, KafkaSink
from dubhe_sidecar.sinks.kafka.settings import servers
from tests.dubhe_sidecar.helpers import RecordOutcome, each
from tests.kafka.reader import Message

KEY = b"modelid1412-algorithm112345540-train-1412-4"
STREAM = "writer-1"
DATE_MS = 1_700_000_000_000

FAST = KafkaLimits(
    request_timeout_s=2.0,
    outage_after_s=0.5,
    stall_s=6.0,
    connect_timeout_s=2.0,
    backoff_s=0.05,
    backoff_max_s=0.5,
    refused_backoff_s=0.5,
    refused_backoff_max_s=1.0,
    settle_s=0.2,
)


def record(
    topic: str,
    seq: int,
    value: bytes | None = None,
    *,
    stream: str = STREAM,
    key: bytes = KEY,
    date_ms: int = DATE_MS,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> OutgoingRecord:
    payload = b"value-%d" % seq if value is None else value
    return OutgoingRecord(stream, seq, topic, key, payload, date_ms, headers, 1, Position(0, seq))


class Cursor:
    """Keeps what would be on disk."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.saves = 0

    def save(self, state: dict[str, Any]) -> None:
        self.text = json.dumps(state)
        self.saves += 1

    @property
    def state(self) -> dict[str, Any] | None:
        return json.loads(self.text) if self.text else None


def make_sink(bootstrap: str, limits: KafkaLimits = FAST) -> KafkaSink:
    return KafkaSink(KafkaSettings(servers=servers(bootstrap)), limits)


def open_sink(bootstrap: str, cursor: Cursor, limits: KafkaLimits = FAST) -> KafkaSink:
    sink = make_sink(bootstrap, limits)
    sink.connect()
    sink.open(cursor.state, undelivered=cursor.text is not None, save=cursor.save)
    return sink


def drain(sink: KafkaSink, timeout: float = 40.0) -> list[RecordOutcome]:
    """Collect until nothing is in flight; record by record."""
    outcomes: list[RecordOutcome] = []
    deadline = time.monotonic() + timeout
    while sink.in_flight:
        assert time.monotonic() < deadline, f"{sink.in_flight} in flight; {outage_text(sink)}"
        outcomes += each(sink.collect(0.1))
    return outcomes


def outage_text(sink: KafkaSink) -> str:
    """Return why nothing is delivered; empty while delivery works."""
    return sink.outage.text if sink.outage else ""


def deliver(sink: KafkaSink, records: Iterable[OutgoingRecord]) -> list[RecordOutcome]:
    """Hand records over, those together that may go together, and wait for the outcomes."""
    for _, run in groupby(records, key=lambda one: (one.stream, one.topic, one.key)):
        sink.send(list(run))
    return drain(sink)


def deliver_in_the_end(sink: KafkaSink, records: Iterable[OutgoingRecord]) -> None:
    """Deliver records, and those again that are deferred, as a drain does."""
    left = list(records)
    while left := [outcome.record for outcome in deliver(sink, left) if outcome.deferred]:
        until(sink.may_resume)
        sink.resume()


def numbers(messages: Iterable[Message], stream: str = STREAM) -> list[int]:
    """Return the sequence numbers of a stream, in the order of the topic."""
    return [
        int(message.header("dubhe-seq") or b"-1")
        for message in messages
        if message.header("dubhe-writer") == stream.encode()
    ]


def until(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


class Beside:
    """Runs something in a thread and hands on what it raised."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # handed on by join
            self._error = error

    def join(self, timeout: float = 60.0) -> None:
        self._thread.join(timeout)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
