from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubhe_simulator.client.base import NoAnswer
from dubhe_simulator.client.heartbeat import HeartbeatMonitor
from tests.dubhe_simulator.fake import wait_until


class Client:
    """Answers as it is told: True well, False a refusal, None not at all; then goes on well."""

    def __init__(self, *answers: bool | None) -> None:
        self._answers = list(answers)
        self.closed = False

    def request(self, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        assert body == {"req_type": 0, "instance_id": "i"}
        answer = self._answers.pop(0) if self._answers else True
        if answer is None:
            raise NoAnswer("timed out")
        return {"flag": 1} if answer else {"flag": 2, "message": "model failed"}

    def close(self) -> None:
        self.closed = True


class Changes:
    def __init__(self) -> None:
        self.seen: list[tuple[bool, str]] = []

    def add(self, alive: bool, detail: str) -> None:
        self.seen.append((alive, detail))


def test_only_changes_are_reported() -> None:
    client, changes = Client(True, True, None, None, False, True), Changes()
    monitor = HeartbeatMonitor(client, "i", changes.add, every=0.001)
    monitor.start()
    wait_until(lambda: len(changes.seen) >= 4)
    monitor.stop()
    wait_until(lambda: client.closed)
    assert changes.seen == [(True, ""), (False, "timed out"), (False, "model failed"), (True, "")]
    assert monitor.lost == 3
    assert monitor.sent >= 6


def test_a_refusal_is_a_lost_heartbeat() -> None:
    changes = Changes()
    monitor = HeartbeatMonitor(Client(False), "i", changes.add, every=60)
    monitor.start()
    wait_until(lambda: changes.seen)
    monitor.stop()
    assert changes.seen == [(False, "model failed")]
