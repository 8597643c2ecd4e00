from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubhe_simulator.client import NoAnswer
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


def test_only_changes_are_told() -> None:
    client = Client(True, None, None, False, True)
    heart = HeartbeatMonitor(client, "i", every=0.001)
    heart.start()
    told: list[tuple[bool, str]] = []

    def back() -> bool:
        heart.report(lambda alive, detail: told.append((alive, detail)))
        return len(told) >= 3

    wait_until(back)
    heart.stop()
    wait_until(lambda: client.closed)
    assert told == [(False, "timed out"), (False, "model failed"), (True, "")]
    assert heart.lost == 3
    assert heart.sent >= 5


def test_a_refusal_is_a_lost_heartbeat() -> None:
    heart = HeartbeatMonitor(Client(False), "i", every=60)
    heart.start()
    told: list[str] = []
    wait_until(lambda: heart.report(lambda alive, detail: told.append(detail)) or told)
    heart.stop()
    assert told == ["model failed"]
