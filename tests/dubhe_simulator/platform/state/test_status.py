"""What is said about an instance, and what is not."""

from __future__ import annotations

import pytest

from dubhe_simulator.platform.state.records import Account, Known, Said
from dubhe_simulator.platform.state.status import state_of

OWN = {"owned": True, "life": "now", "address": "127.0.0.1:1"}
FORMER = {**OWN, "life": "before"}
ATTACHED = {"address": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("said", "known", "alive", "expected"),
    [
        # messages alone
        ({}, {}, None, "starting"),
        ({"ready": True}, {}, None, "ready"),
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
        # its host has gone
        ({"ready": True, "open_run": 1}, {**OWN, "lost": "host"}, None, "lost"),
        ({"end": 300, "end_message": "why"}, {**OWN, "lost": "host"}, None, "failed"),
        # started by a former life of the platform, and so gone
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
    said: dict[str, object], known: dict[str, object], alive: bool | None, expected: str
) -> None:
    account = Account("a-b-train-1", Said(**said), Known(**known), alive)  # type: ignore[arg-type]
    state, reason = state_of(account, "now")
    assert state == expected
    assert bool(reason) == (expected in ("lost", "failed") or bool(account.known.stopped))
