"""What open pages are told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dubhe_simulator.ui import Journal, Ui

NAME = "net-local-train-1"


@pytest.mark.smoke
def test_the_state_first_then_changes(ui: Ui) -> None:
    events = ui.events()
    name, _, state = next(events)
    assert (name, state["instances"], state["mode"]) == ("state", [], "embedded")
    journal = Journal(ui.runs / "1" / "train", NAME)
    journal.start()
    journal.report(2, {"loss": 1.5, "progress": 0.5})
    seen: dict[str, Any] = {}
    while not ({"run", "instance", "messages"} <= set(seen) and seen["run"]["metrics"]):
        name, _, data = next(events)
        seen[name] = data
    assert seen["instance"]["id"] == NAME
    assert seen["messages"]["total"] == 2
    assert seen["run"]["metrics"] == [
        {"name": "loss", "points": 1, "last": 1.5, "low": 1.5, "high": 1.5}
    ]
    events.close()


def test_a_known_cursor_goes_on_where_it_was(ui: Ui) -> None:
    cursor = ui.get("state")["cursor"]
    journal = Journal(ui.runs / "1" / "train", NAME)
    journal.start()
    ui.wait_state(NAME, "running")
    events = ui.events(after=cursor)
    names: set[str] = set()
    while not {"instance", "run"} <= names:
        names.add(next(events)[0])
    assert "state" not in names
    events.close()


def test_a_state_that_is_known_is_not_sent_again(ui: Ui) -> None:
    journal = Journal(ui.runs / "1" / "train", NAME)
    journal.start()
    ui.wait_state(NAME, "running")
    status = 200
    while status == 200:  # what is published at the start comes to an end
        _, headers, _ = ui.raw("GET", "/api/state", Accept_Language="en")
        known = {"If_None_Match": headers["etag"]}
        status, _, content = ui.raw("GET", "/api/state", Accept_Language="en", **known)
    assert (status, content) == (304, b"")
    assert ui.raw("GET", "/api/state", Accept_Language="zh", **known)[0] == 200
    journal.report(2, {"loss": 1.5, "progress": 0.5})
    ui.wait(lambda state: state["messages"] == 2)
    status, _, content = ui.raw("GET", "/api/state", Accept_Language="en", **known)
    assert status == 200
    assert json.loads(content)["messages"] == 2


def test_a_cursor_of_another_session_gets_the_state(ui: Ui) -> None:
    for cursor in (1, 2**52):
        events = ui.events(after=cursor)
        assert next(events)[0] == "state"
        events.close()


def test_changes_are_coalesced(ui: Ui) -> None:
    journal = Journal(ui.runs / "1" / "train", NAME)
    journal.start()
    ui.wait_state(NAME, "running")
    events = ui.events()
    next(events)
    said = 500
    for _ in range(said):
        journal.report(2, {"loss": 1.0, "progress": 0.5})
    told = points = 0
    while points < said:
        name, _, data = next(events)
        if name == "run":
            told += 1
            points = sum(metric["points"] for metric in data["metrics"])
    events.close()
    assert told < said / 10
