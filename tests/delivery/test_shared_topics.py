"""The whole sidecar, killed again and again, beside other programs and with a clock that jumps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.status import inspect
from tests.dubhe_sdk.spool.helpers import DATE_MS, make_writer
from tests.dubhe_sidecar import shifted_clock, short_timeouts
from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.dubhe_sidecar.sinks.kafka.helpers import numbers
from tests.dubhe_sidecar.sinks.kafka.recovery import foreign
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic, wait_for

COUNT = 400
HOURS_AHEAD = "7200"


class Reports:
    """A writer, and sidecars that are killed while they deliver."""

    def __init__(self, folder: Path, broker: Broker, topic: str) -> None:
        self.harness = SidecarHarness(folder)
        self.written = 0
        self.stream = ""
        self._broker, self._topic = broker, topic
        self._writer = make_writer(self.harness.spool, topic_status=topic)

    def write(self) -> None:
        for _ in range(COUNT):
            assert self._writer.append(Kind.PROGRESS, b'{"n": %d}' % self.written, DATE_MS)
            self.written += 1
        self.stream = self._writer.stream

    def deliver_and_kill(self, command: Sequence[str], env: dict[str, str]) -> None:
        """Let a sidecar deliver some of what was written, and kill it in the middle."""
        before = self.arrived()
        self.harness.start(command=command, env=self._env(env))
        wait_for(
            self._broker.bootstrap,
            self._topic,
            lambda messages: len(numbers(messages, self.stream)) > before,
        )
        self.harness.close()
        self.harness.processes.clear()

    def drain(self, command: Sequence[str], env: dict[str, str]) -> None:
        self._writer.close()
        process = self.harness.start("--drain", command=command, env=self._env(env))
        assert process.wait(60) == 0, self.harness.log_text

    def arrived(self) -> int:
        return len(numbers(read_topic(self._broker.bootstrap, self._topic), self.stream))

    def check(self) -> None:
        """See that all arrived, once and in order."""
        messages = read_topic(self._broker.bootstrap, self._topic)
        assert numbers(messages, self.stream) == list(range(1, self.written + 1))
        status = inspect(self.harness.spool)
        assert (status.delivered, status.dead_letters) == (self.written, 0)

    def _env(self, env: dict[str, str]) -> dict[str, str]:
        return {**short_timeouts.ENV, "BOOTSTRAP_SERVERS": self._broker.bootstrap, **env}


@pytest.fixture
def reports(kafka: Broker, topic: str, tmp_path: Path) -> Iterator[Reports]:
    made = Reports(tmp_path, kafka, topic)
    yield made
    made.harness.close()


def test_other_programs_in_every_codec(kafka: Broker, topic: str, reports: Reports) -> None:
    for codec in foreign.CODECS:
        reports.write()
        reports.deliver_and_kill(short_timeouts.COMMAND, {})
        foreign.write(kafka.bootstrap, topic, codec)
    reports.drain(short_timeouts.COMMAND, {})
    reports.check()


def test_a_clock_that_jumps(kafka: Broker, topic: str, reports: Reports, tmp_path: Path) -> None:
    ahead = tmp_path / "ahead"
    env = {shifted_clock.CLOCK_AHEAD: str(ahead)}
    for seconds in ("0", HOURS_AHEAD, "-" + HOURS_AHEAD, HOURS_AHEAD):
        ahead.write_text(seconds)
        reports.write()
        reports.deliver_and_kill(shifted_clock.COMMAND, env)
    ahead.write_text("0")
    reports.write()
    reports.drain(shifted_clock.COMMAND, env)
    reports.check()
    dated = [message.timestamp_ms for message in read_topic(kafka.bootstrap, topic)]
    assert -1 in dated  # while the broker refused the clock
    assert dated[-1] > 0  # and no longer
