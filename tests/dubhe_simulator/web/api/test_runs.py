"""Runs over the API: what is noted on them, how they began, how they are deleted."""

from __future__ import annotations

import sqlite3
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_simulator.fake import fake_algorithm
from tests.dubhe_simulator.ui import Journal, Ui

NAME, OTHER = "net-local-train-1", "net-local-train-2"


def report(journal: Journal, runs: int) -> None:
    for number in range(runs):
        journal.start()
        journal.report(2, {"loss": 1.0 + number, "progress": 1.0})
        journal.report(3, [{"img_path": "a.png", "info": [{"ground_true": "1"}]}])
        journal.end()


def begin(ui: Ui, name: str = NAME, runs: int = 2) -> list[dict[str, Any]]:
    report(Journal(ui.runs / name / "train", name), runs)
    ui.wait(lambda s: sum(r["instance"] == name and r["status"] == 200 for r in s["runs"]) == runs)
    return ui.runs_of(name)


def derive_again(runs: Path) -> None:
    with sqlite3.connect(runs / "platform.sqlite") as file:
        file.execute("UPDATE meta SET value = 'old' WHERE key = 'derived'")
    file.close()


def test_what_is_noted_is_kept_and_told(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with Ui(runs) as ui:
        first, second = begin(ui)
        assert (first["name"], first["note"], first["tags"], first["hue"]) == ("", "", [], None)
        cursor = ui.get("state")["cursor"]
        noted = {"name": "基线", "note": "lr 低", "tags": ["best", "v1"], "hue": 3, "hidden": True}
        [answer] = ui.post("annotate", runs=[second["id"]], **noted)["runs"]
        assert {name: answer[name] for name in noted} == noted
        told = next(e for e in ui.events(cursor) if e[0] == "run" and e[2]["hidden"])
        assert told[2] == answer
        ui.post("annotate", runs=[first["id"], second["id"]], tags=["both"])
    for again in (False, True):
        if again:
            derive_again(runs)
        with Ui(runs) as ui:
            first, second = ui.runs_of(NAME)
            assert (first["name"], first["tags"]) == ("", ["both"])
            expected = {**noted, "tags": ["both"]}
            assert {name: second[name] for name in noted} == expected


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"runs": [1], "name": "x" * 121}, 400, "name has 121 characters"),
        ({"runs": [1], "colour": 1}, 400, "'colour' is not one of"),
        ({"runs": [], "name": ""}, 400, "runs is []"),
        ({"runs": "1", "name": ""}, 400, "runs is '1'"),
    ],
)
def test_what_cannot_be_noted_is_refused(
    ui: Ui, body: dict[str, Any], status: int, why: str
) -> None:
    assert why in ui.post("annotate", status, **body)["error"]


def test_a_deleted_run_does_not_come_back(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with Ui(runs) as ui:
        first, second = begin(ui)
        cursor = ui.get("state")["cursor"]
        ui.post("delete", runs=[first["id"]])
        assert [r["id"] for r in ui.runs_of(NAME)] == [second["id"]]
        told = [*takewhile(lambda e: e[0] != "deleted", ui.events(cursor))]
        assert len(told) < 10
        assert ui.raw("GET", f"/api/curves?run={first['id']}&metric=loss")[0] == 404
    derive_again(runs)
    with Ui(runs) as ui:
        [left] = ui.runs_of(NAME)
        assert (left["number"], left["metrics"][0]["last"]) == (2, 2.0)
        assert ui.get("results", run=left["id"])["total"] == 1
        ui.post("delete", runs=[left["id"]])
        assert ui.get("state")["instances"] == [], "the instance goes with the last of its runs"
    rows = sqlite3.connect(runs / "platform.sqlite")
    for table in ("messages", "runs", "curves", "chunks", "results", "annotations"):
        assert rows.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    rows.close()


def test_a_run_knows_its_request_and_with_what_it_ran_after_a_restart(tmp_path: Path) -> None:
    runs, folder = tmp_path / "runs", fake_algorithm(tmp_path / "net")
    with Ui(runs, folder, HF_TOKEN="hunter2") as ui:
        ui.post("workflow/train", special_params={"lr": 0.25, "net": {"depth": 18}})
        ui.wait(lambda s: s["workflow"]["state"] == "done")
        [run] = ui.get("state")["runs"]
        ui.wait(lambda s: ui.get("runs", run=run["id"])["items"][0]["provenance"] is not None)
        [before] = ui.get("runs", run=run["id"])["items"]
    with Ui(runs) as ui:
        [after] = ui.get("runs", run=run["id"])["items"]
        assert after == before
    assert after["request"]["body"]["special_params"] == {"lr": 0.25, "net": {"depth": 18}}
    assert after["run"]["params"]["special_params.net.depth"] == 18
    assert after["request"]["at_ms"] <= run["started_ms"]
    facts = after["provenance"]
    assert facts["folder"] == str(folder)
    assert facts["command"].endswith("run.sh")
    assert facts["python"]["version"] == sys.version.split()[0]
    assert facts["python"]["packages"]["dubhe-simulator"]
    assert facts["environment"]["HF_TOKEN"] == "********"
    assert facts["environment"]["protocol"] == "http"
    assert "INSTANCE_ID" not in facts["environment"], "it is another for each run"
    assert (facts["git"], facts["problems"]) == (None, [])
    assert "hunter2" not in str(after)


def test_a_run_under_way_is_not_deleted(tmp_path: Path) -> None:
    algorithm = fake_algorithm(tmp_path / "net", endless=True)
    with Ui(tmp_path / "runs", algorithm) as ui:
        ui.post("workflow/train")
        [run] = ui.wait(lambda s: s["runs"])["runs"]
        error = ui.post("delete", 409, runs=[run["id"]])["error"]
        assert f"run {run['id']} is under way" in error
        assert ui.get("state")["runs"]


def test_there_is_no_such_run(ui: Ui) -> None:
    assert ui.raw("GET", "/api/runs?run=7")[0] == 404
    assert ui.post("delete", runs=[7]) == {}
