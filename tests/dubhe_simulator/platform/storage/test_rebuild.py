"""What is derived can be made anew from what was kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.dubhe_simulator.fake import fake_algorithm
from tests.dubhe_simulator.ui import Journal, Ui

NAME = "net-local-train-9"


def test_a_file_of_other_rules_is_derived_again(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    algorithm = fake_algorithm(tmp_path / "net")
    with Ui(runs, algorithm) as ui:
        journal = Journal(runs / "x" / "train", NAME)
        journal.start()
        lines = [journal.line(2, {"loss": n, "progress": 0.5}) for n in range(700)]
        journal.write("".join([*lines, "rubbish\n", *lines[:5]]))
        journal.report(3, [{"img_path": "a.png", "info": [{"ground_true": "1"}]}])
        ui.post("workflow")
        ui.wait(lambda s: s["workflow"]["state"] != "running" and s["messages"] == 729)
        before = ui.get("state")
        inference = before["runs"][-1]
        answered = ui.get("results", run=inference["id"])
        ui.end()
    with sqlite3.connect(runs / "platform.sqlite") as file:
        file.execute("UPDATE meta SET value = 'old' WHERE key = 'derived'")
        file.execute("DELETE FROM runs")
    file.close()
    with Ui(runs, algorithm) as ui:
        after = ui.get("state")
        by_start = {(r["instance"], r["number"]): r for r in after["runs"]}
        for run in before["runs"]:
            found = by_start[run["instance"], run["number"]]
            assert {**found, "id": 0} == {**run, "id": 0}
        for old in before["instances"]:
            new = ui.instance(old["id"])
            for key in ("messages", "duplicates", "malformed", "last", "first_ms"):
                assert new[key] == old[key]
        again = by_start[inference["instance"], 1]["id"]
        names = [item["name"] for item in ui.get("results", run=again)["items"]]
        assert names == [item["name"] for item in answered["items"]]
        curve = ui.get("curves", run=by_start[NAME, 1]["id"], metric="loss", width=1000)
        assert curve["y"] == list(range(700))


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with Ui(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "platform.sqlite") as file:
        file.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    file.close()
    from dubhe_simulator.commands.ui import main

    assert main(["--port", "0", "--runs-dir", str(tmp_path)]) == 1


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    from dubhe_simulator.commands.ui import main

    (tmp_path / "platform.sqlite").write_text("no database at all, but long enough" * 100)
    assert main(["--port", "0", "--runs-dir", str(tmp_path)]) == 1
