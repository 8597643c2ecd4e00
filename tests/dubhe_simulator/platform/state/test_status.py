"""What is said about an instance, and what is not."""

from __future__ import annotations

import pytest

from dubhe_simulator.platform.state.records import InstanceRecord, ManagedState, ReportedState
from dubhe_simulator.platform.state.status import state_of
from tests.support.languages import in_both_languages

OWN = {"owned": True, "session_id": "now", "address": "127.0.0.1:1"}
FORMER = {**OWN, "session_id": "before"}
ATTACHED = {"address": "127.0.0.1:1"}
PAUSED = {"key": "container_paused", "name": "dubhe-x"}


@pytest.mark.parametrize(
    ("reported", "managed", "alive", "expected"),
    [
        # messages alone
        ({}, {}, None, "starting"),
        ({"ready": True}, {}, None, "unknown"),
        ({"ready": True, "runs": 1}, {}, None, "unknown"),
        ({"open_run": 1}, {}, None, "running"),
        ({"runs": 1, "end": 200}, {}, None, "ended"),
        ({"runs": 1, "end": 300, "end_message": "why"}, {}, None, "failed"),
        # started here
        ({}, OWN, None, "starting"),
        ({"ready": True}, OWN, True, "ready"),
        ({"ready": True, "open_run": 1}, OWN, True, "running"),
        ({"ready": True, "open_run": 1}, OWN, False, "lost"),
        ({"ready": True, "end": 200}, OWN, False, "ended"),
        ({}, {**OWN, "exit_status": 3}, None, "failed"),
        ({"ready": True, "open_run": 1}, {**OWN, "exit_status": 0}, None, "lost"),
        ({"ready": True}, {**OWN, "exit_status": 143, "stopped": True}, None, "ended"),
        ({"end": 300, "end_message": "why"}, {**OWN, "exit_status": 137}, None, "failed"),
        # stopped in mid-run: with an END, or without one
        ({"end": 300, "end_message": "why", "end_stopped": True}, OWN, True, "stopped"),
        ({"open_run": 1}, {**OWN, "exit_status": 1, "stopped": True}, None, "stopped"),
        ({"ready": True, "open_run": 1}, {**OWN, "stopped": True}, True, "stopping"),
        ({"end": 300, "end_message": "why"}, {**OWN, "stopped": True}, True, "stopping"),
        ({"ready": True, "end": 200}, {**OWN, "stopped": True}, False, "stopping"),
        ({"ready": True, "open_run": 1}, {"stopped": True}, None, "stopped"),
        # started by a former session of the platform, and so gone
        ({"ready": True}, FORMER, None, "lost"),
        ({"ready": True, "open_run": 1}, FORMER, None, "lost"),
        ({"ready": True, "end": 200}, FORMER, None, "ended"),
        ({"ready": True}, {**FORMER, "exit_status": 0}, None, "ended"),
        # attached
        ({}, ATTACHED, None, "starting"),
        ({}, ATTACHED, True, "ready"),
        ({}, ATTACHED, False, "lost"),
        ({"open_run": 1}, ATTACHED, True, "running"),
    ],
)
def test_state(
    reported: dict[str, object], managed: dict[str, object], alive: bool | None, expected: str
) -> None:
    record = InstanceRecord(
        "a-b-train-1", ReportedState(**reported), ManagedState(**managed), alive
    )  # type: ignore[arg-type]
    state, reason = state_of(record, "now")
    assert state == expected
    assert bool(reason) == (
        expected in ("lost", "failed", "unknown", "stopped")
        or (expected == "ended" and record.managed.stopped)
    )


@pytest.mark.parametrize("alive", [None, True, False])  # no heartbeat is answered meanwhile
@pytest.mark.parametrize("reported", [{}, {"ready": True}, {"ready": True, "open_run": 1}])
def test_a_paused_one_has_not_lost_contact(reported: dict[str, object], alive: bool | None) -> None:
    managed = ManagedState(**OWN, condition=PAUSED)  # type: ignore[arg-type]
    record = InstanceRecord("a-b-train-1", ReportedState(**reported), managed, alive)  # type: ignore[arg-type]
    text = "the container is paused: docker unpause dubhe-x lets it go on"
    assert state_of(record, "now") == ("paused", text)
    managed.exit_status = 137
    assert state_of(record, "now")[0] == "failed"


def test_the_engine_knows_why_heartbeats_are_lost() -> None:
    condition = {"key": "pod_node_lost", "node": "n1"}
    managed = ManagedState(**OWN, condition=condition)  # type: ignore[arg-type]
    record = InstanceRecord("a-b-train-1", ReportedState(ready=True), managed, False, "timeout")
    assert state_of(record, "now") == ("lost", "node n1 does not answer")


@pytest.mark.parametrize("exit_status", [None, 143])
def test_what_the_engine_knows_stands_beside_the_last_word(exit_status: int | None) -> None:
    condition = {"key": "pod_deleted"}
    managed = ManagedState(**OWN, exit_status=exit_status, condition=condition)  # type: ignore[arg-type]
    reported = ReportedState(ready=True, end=300, end_message="stopped by SIGTERM")
    _, reason = state_of(InstanceRecord("a-b-train-1", reported, managed, None), "now")
    engine = " (somebody deleted the pod)" if exit_status is not None else ""
    assert reason == f"stopped by SIGTERM{engine}"


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("reported", [{"ready": True}, {"ready": True, "open_run": 1}])
def test_an_engine_that_does_not_answer_is_no_end(
    reported: dict[str, object], stopped: bool
) -> None:
    condition = {"key": "engine_silent", "detail": "timeout"}
    managed = ManagedState(**OWN, condition=condition, stopped=stopped)  # type: ignore[arg-type]
    record = InstanceRecord("a-b-train-1", ReportedState(**reported), managed, True)  # type: ignore[arg-type]
    state = "stopping" if stopped else "running" if "open_run" in reported else "ready"
    text = "the Docker engine does not answer: timeout"
    assert state_of(record, "now") == (state, text)
    assert in_both_languages(lambda: state_of(record, "now")[1]) == (
        text,
        "Docker 引擎没有响应：timeout",
    )
