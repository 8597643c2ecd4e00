"""What is kept of an instance can be deleted, and stays deleted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.dubhe_simulator.fake import fake_algorithm
from tests.dubhe_simulator.ui import Journal, Ui

NAME, OTHER = "net-local-train-1", "net-local-forecast-2"
TABLES = (
    "messages",
    "sends",
    "managed",
    "reported",
    "runs",
    "curves",
    "chunks",
    "results",
    "predictions",
)


def test_nothing_of_it_is_left_and_it_does_not_come_back(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with Ui(runs) as ui:
        journals = [Journal(runs / "1" / "train", NAME), Journal(runs / "1" / "evaluate", OTHER)]
        for journal in journals:
            journal.start()
            journal.write(
                "".join(journal.line(2, {"loss": n, "progress": 0.5}) for n in range(600))
            )
            journal.report(3, [{"img_path": "a.png", "info": [{"ground_true": "1"}]}])
            journal.end()
        ui.wait(lambda s: s["messages"] == 2 * 603)
        ui.wait_state(NAME, "ended")
        cursor = ui.get("state")["cursor"]
        [kept] = ui.runs_of(OTHER)

        ui.post("forget", instance=NAME)

        state = ui.get("state")
        assert [i["id"] for i in state["instances"]] == [OTHER]
        assert [r["id"] for r in state["runs"]] == [kept["id"]]
        assert (state["messages"], ui.get("messages")["total"]) == (603, 603)
        assert {m["instance"] for m in ui.get("messages", limit=500)["items"]} == {OTHER}
        told = {name: data for name, _, data in take(ui, cursor, "forgotten")}
        assert told["forgotten"] == {"instance": NAME}
        assert "there is no instance" in ui.post("forget", 404, instance=NAME)["error"]
    rows = sqlite3.connect(runs / "platform.sqlite")
    counts = {t: rows.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in TABLES}
    rows.close()
    assert counts == {
        "messages": 603, "sends": 0, "managed": 1, "reported": 1, "runs": 1, "curves": 1,
        "chunks": 2, "results": 1, "predictions": 1,
    }  # fmt: skip
    with Ui(runs) as ui:
        assert [i["id"] for i in ui.get("state")["instances"]] == [OTHER]
        assert ui.get("state")["messages"] == 603
        journals[0].report(2, {"loss": 5, "progress": 0.5})  # but what it says from now on does
        assert ui.wait_state(NAME, "running")["messages"] == 1
        assert ui.get("curves", run=ui.runs_of(NAME)[0]["id"], metric="loss")["y"] == [5]


def take(ui: Ui, cursor: int, last: str) -> list[tuple[str, int, object]]:
    events = []
    for event in ui.events(after=cursor):
        events.append(event)
        if event[0] == last:
            break
    return events


def test_what_runs_is_stopped_first_and_its_requests_go_with_it(tmp_path: Path) -> None:
    with Ui(tmp_path / "runs", fake_algorithm(tmp_path / "net")) as ui:
        name = ui.post("start", kind="train")["instance"]
        ui.wait_state(name, "ready")
        [heartbeat, *_] = ui.get("forms", instance=name)["requests"]
        ui.post("send", instance=name, body=heartbeat["body"])
        assert "stop it first" in ui.post("forget", 409, instance=name)["error"]
        ui.post("stop", instance=name)
        ui.wait_state(name, "ended")
        ui.post("forget", instance=name)
        assert ui.get("state")["instances"] == []
        assert ui.get("sends")["items"] == []
