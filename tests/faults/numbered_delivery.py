"""A writer that numbers what it reports, a sidecar that delivers it, and what a consumer finds."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.status import SpoolStatus, inspect
from tests.dubhe_sdk.spool.helpers import make_writer
from tests.dubhe_sidecar import short_timeouts
from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.kafka.reader import Message, read_topic
from tests.support.waiting import wait_for

PAUSE_S = 0.002
PADDING = "x" * 200


class DeliveryCheck(NamedTuple):
    """What became of the messages; all zero if every one arrived once, in order."""

    lost: int
    repeated: int
    out_of_order: int


PERFECT = DeliveryCheck(0, 0, 0)


def judge(messages: Sequence[Message], reported: int) -> DeliveryCheck:
    """Compare what a plain consumer read from the one partition with what was reported."""
    found = [int(json.loads(message.value or b"")["number"]) for message in messages]
    return DeliveryCheck(
        lost=reported - len(set(found) & set(range(reported))),
        repeated=len(found) - len(set(found)),
        out_of_order=sum(a > b for a, b in itertools.pairwise(found)),
    )


class Delivery:
    """A writer and a sidecar with short times, each going on while faults happen.

    Use as a context manager: at its end nothing of it lives any more.

    Args:
        folder: for spool and log.
        bootstrap: brokers, as the sidecar is given.
        topic: where to.
        prefix: what the sidecar's command begins with, as of a `tests.network.lab.Host`.
        env: further variables for the sidecar.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        topic: str,
        *,
        prefix: Sequence[str] = (),
        env: dict[str, str] | None = None,
    ) -> None:
        self.reported = 0
        self.harness = SidecarHarness(folder)
        self._topic = topic
        self._command = [*prefix, *short_timeouts.COMMAND]
        self._env = {"BOOTSTRAP_SERVERS": bootstrap, **short_timeouts.ENV, **(env or {})}
        self._writer = make_writer(self.harness.spool, topic_status=topic)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True)

    def __enter__(self) -> Delivery:
        self._start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
        self.harness.close()
        if error is not None:
            print(f"--- the sidecar's log:\n{self.harness.log_text}")

    @property
    def status(self) -> SpoolStatus:
        """What ``dubhe status`` shows."""
        return inspect(self.harness.spool)

    def wait_delivered(self, more: int = 200, timeout: float = 60.0) -> None:
        """Wait until messages that are reported from now on have been delivered."""
        goal = self.reported + more
        self._wait(lambda: self.status.delivered >= goal, f"delivery of message {goal}", timeout)

    def wait_reported(self, words: str, timeout: float = 60.0) -> None:
        """Wait until ``dubhe status`` shows why nothing is delivered."""
        self._wait(lambda: words in (self.status.last_error or ""), f"{words!r}", timeout)

    def wait_recovered(self, timeout: float = 60.0) -> None:
        """Wait until ``dubhe status`` shows of no trouble."""
        self._wait(lambda: self.status.last_error is None, "no trouble", timeout)

    def finish(self, bootstrap: str) -> DeliveryCheck:
        """Say no more, have the rest delivered, and judge what a plain consumer finds.

        Args:
            bootstrap: brokers, as the consumer is given.
        """
        self._end.set()
        self._thread.join()
        self.harness.stop()
        assert (self.status.undelivered, self.status.dead_letters) == (0, 0)
        return judge(read_topic(bootstrap, self._topic), self.reported)

    def _start(self) -> None:
        self.harness.start(env=self._env, command=self._command)

    def _wait(self, condition: Callable[[], bool], what: str, timeout: float) -> None:
        wait_for(condition, lambda: f"{what}; {self.status}\n{self.harness.log_text}", timeout)

    def _speak(self) -> None:
        while not self._end.wait(PAUSE_S):
            value = json.dumps({"number": self.reported, "padding": PADDING}).encode()
            assert self._writer.append(Kind.PROGRESS, value, 0)
            self.reported += 1
