"""From journals to the API: runs, curves, malformed messages, duplicates."""

from __future__ import annotations

import json

import pytest

from tests.dubhe_simulator.ui import Journal, Ui

NAME = "net-local-train-1"


@pytest.fixture
def journal(ui: Ui) -> Journal:
    return Journal(ui.runs / "1" / "train", NAME)


def test_a_run(ui: Ui, journal: Journal) -> None:
    journal.report(0, {"action": "READY", "status": 200, "msg": "model is ready"})
    ui.wait_state(NAME, "unknown")  # nobody can ask it
    journal.start()
    for n in range(4):
        journal.report(
            2, {"loss": 1 / (n + 1), "progress": n / 4, "epoch": 2}, dubhe_batch=f"{n}/4"
        )
    found = ui.wait_state(NAME, "running")
    ui.wait(lambda s: s["instances"][0]["progress"] == 0.75)
    journal.report(2, {"loss": 0.1, "progress": 1, "epoch": 2})
    journal.end(300, "out of memory")
    found = ui.wait_state(NAME, "failed")
    assert found["reason"] == "out of memory"
    assert (found["messages"], found["malformed"], found["kind"]) == (8, 0, "train")
    [run] = ui.runs_of(NAME)
    assert (run["status"], run["message"], run["epoch"]) == (300, "out of memory", 2)
    assert run["ended_ms"] - run["started_ms"] == 6
    curve = ui.get("curves", run=run["id"], metric="loss", axis="epoch")
    assert curve["x"] == [2.25, 2.5, 2.75, 3.0, 3.0]
    assert curve["extent"] == [2.25, 3.0]
    times = ui.get("curves", run=run["id"], metric="loss", axis="time")["x"]
    assert times == [run["started_ms"] + n for n in (1, 2, 3, 4, 5)]


def test_epochs_without_batches_are_at_their_own_numbers(ui: Ui, journal: Journal) -> None:
    journal.start()
    for epoch in (1, 2, 3):
        journal.report(2, {"loss": 1 / epoch, "progress": epoch / 3, "epoch": epoch})
    journal.end()
    ui.wait_state(NAME, "ended")
    [run] = ui.runs_of(NAME)
    assert (run["epoch"], run["by_batch"]) == (3, False)
    assert ui.get("curves", run=run["id"], metric="loss", axis="epoch")["x"] == [1, 2, 3]


def test_progress_without_start_opens_a_run_and_start_another(ui: Ui, journal: Journal) -> None:
    journal.report(2, {"loss": 1, "progress": 0.5})
    journal.start()
    journal.report(2, {"loss": 2, "progress": 0.5})
    journal.end()
    ui.wait_state(NAME, "ended")
    first, second = ui.runs_of(NAME)
    assert (first["number"], first["status"], first["ended_ms"] is None) == (1, None, False)
    assert (second["number"], second["status"]) == (2, 200)


def test_marks(ui: Ui, journal: Journal) -> None:
    journal.start()
    for value in (1, "NaN", 2, "Infinity", "-Infinity"):
        journal.report(2, {"loss": value, "progress": 0.5})
    ui.wait(lambda s: s["runs"] and s["runs"][0]["metrics"][0]["points"] == 5)
    [run] = ui.runs_of(NAME)
    assert run["metrics"] == [
        {"name": "loss", "points": 5, "last": "-Infinity", "low": 1.0, "high": 2.0}
    ]
    curve = ui.get("curves", run=run["id"], metric="loss")
    assert (curve["x"], curve["y"]) == ([0, 2], [1, 2])
    assert [(m["x"], m["value"]) for m in curve["marks"]] == [
        (1, "NaN"),
        (3, "Infinity"),
        (4, "-Infinity"),
    ]
    _, _, table = ui.raw("GET", f"/api/curves.csv?run={run['id']}")
    assert [row.rpartition(b",")[2] for row in table.split()[1:]] == [
        b"1.0", b"NaN", b"2.0", b"Infinity", b"-Infinity",
    ]  # fmt: skip


def test_broken_messages_are_shown_and_do_no_harm(ui: Ui, journal: Journal) -> None:
    journal.start()
    journal.write("rubbish\n")
    journal.write('{"offset": 1}\n')
    journal.write(b"\xff\xfe".decode("latin-1") + "\n")
    for mes_type, data in (
        (9, {}),
        (2, [1]),
        (2, {"loss": "high"}),
        (2, {"loss": None}),
        (1, {"action": "PAUSE", "status": 200}),
        (1, {"action": "END"}),
    ):
        journal.report(mes_type, data)
    line = json.loads(journal.line(2, {"loss": 1.0}))
    line["value"]["extra"] = 1
    journal.write(json.dumps(line) + "\n")
    journal.write(journal.line(2, {"loss": 1.0}).replace("1.0}", "NaN}"))
    journal.report(2, {"loss": 3.0, "progress": 0.5})
    ui.wait(lambda s: s["instances"] and s["instances"][0]["messages"] == 13)
    assert (ui.instance(NAME)["malformed"], ui.instance(NAME)["state"]) == (11, "running")
    [run] = ui.runs_of(NAME)
    assert run["metrics"] == [{"name": "loss", "points": 1, "last": 3.0, "low": 3.0, "high": 3.0}]
    items = ui.get("messages", instance=NAME)["items"]
    reasons = [item["malformed"] for item in items]
    assert reasons[0] is reasons[-1] is None
    assert all(reasons[1:-1])
    assert items[1]["value"] == "rubbish"
    assert "mes_type is 9, expected 0, 1, 2 or 3" in reasons
    assert 'data.loss is "high", expected a number' in reasons
    assert 'data.action is "PAUSE", expected START or END' in reasons
    assert any("extra" in str(reason) and "unexpected" in str(reason) for reason in reasons)


def test_repeats_count_once(ui: Ui, journal: Journal) -> None:
    journal.start()
    lines = [journal.line(2, {"loss": n, "progress": 0.5}) for n in range(3)]
    lines.append(journal.line(3, [{"img_path": "a.png", "info": []}]))
    for line in (*lines, *lines[::-1]):
        journal.write(line)
    ui.wait(lambda s: s["instances"] and s["instances"][0]["messages"] == 9)
    assert ui.instance(NAME)["duplicates"] == 4
    [run] = ui.runs_of(NAME)
    assert (run["metrics"][0]["points"], run["results"], run["images"]) == (3, 1, 1)
    repeats = [item["repeat"] for item in ui.get("messages")["items"]]
    assert repeats == [False] * 5 + [True] * 4


def test_a_half_written_line_waits_for_its_rest(ui: Ui, journal: Journal) -> None:
    journal.start()
    line = journal.line(2, {"loss": 1.0, "progress": 0.5})
    journal.write(line[:50])
    ui.wait_state(NAME, "running")
    assert ui.get("messages")["total"] == 1
    # The writer was killed; its successor cuts the half line off, then goes on.
    with journal.path.open("r+b") as file:
        file.truncate(journal.path.stat().st_size - 50)
    journal.report(2, {"loss": 2.0, "progress": 0.5})
    ui.wait(lambda s: s["messages"] == 2)
    assert ui.get("messages")["items"][1]["malformed"] is None


def test_paging(ui: Ui, journal: Journal) -> None:
    for n in range(30):
        journal.report(2, {"loss": n})
    ui.wait(lambda s: s["messages"] == 30)

    def ids(**query: object) -> list[int]:
        return [item["id"] for item in ui.get("messages", **query)["items"]]

    assert ids(limit=3) == [28, 29, 30]
    assert ids(limit=3, before_id=28) == [25, 26, 27]
    assert ids(limit=3, after_id=10) == [11, 12, 13]
    assert ids(limit=3, instance="nobody") == []


def test_two_instances_at_once(ui: Ui, journal: Journal) -> None:
    other = Journal(ui.runs / "2" / "train", "net-local-train-2")
    for n in range(20):
        journal.report(2, {"loss": n})
        other.report(2, {"loss": -n})
    ui.wait(lambda s: s["messages"] == 40)
    for name, sign in ((NAME, 1), ("net-local-train-2", -1)):
        [run] = ui.runs_of(name)
        curve = ui.get("curves", run=run["id"], metric="loss")
        assert curve["y"] == [sign * n for n in range(20)]
        assert ui.instance(name)["duplicates"] == 0, "each journal numbers by itself"


def test_script_in_a_message_stays_text(ui: Ui, journal: Journal) -> None:
    journal.report(2, {"<script>alert(1)</script>": 1})
    ui.wait(lambda s: s["messages"] == 1)
    status, headers, content = ui.raw("GET", "/api/messages")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert b"<script>" in content
