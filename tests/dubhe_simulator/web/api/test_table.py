"""Predictions as rows: of readings, texts, lines of a table."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.dubhe_simulator.ui import Journal, Ui

NAME = "sensor-local-forecast-1"
ROWS = (
    ("pump-1:0", "ok", "ok", 0.9, {"rms": 1.5, "sensor": "A"}),
    ("pump-1:1", "fault", "ok", 0.6, {"rms": 10.25, "sensor": "B"}),
    ("pump-2:0", "fault", "fault", 0.8, {"rms": 9, "sensor": "=A", "wave": [1, 2]}),
    ("pump-2:1", "ok", "ok", 0.7, None),
    ("Ü", "ok", "ok", 0.7, {"=1+1": 1}),
)


@pytest.fixture
def run(ui: Ui) -> int:
    journal = Journal(ui.runs / "1" / "evaluate", NAME)
    journal.start()
    for name, truth, predicted, conf, special in ROWS:
        info = {"ground_true": truth, "predict_code": predicted, "conf": conf, "special": special}
        journal.report(3, [{"img_path": name, "info": [info]}])
    journal.end()
    ui.wait_state(NAME, "ended")
    return int(ui.runs_of(NAME)[0]["id"])


def ids(ui: Ui, run: int, **query: Any) -> list[str]:
    found = ui.get("table", run=run, **query)
    assert found["total"] == len(found["items"])
    return [item["id"] for item in found["items"]]


def test_rows_and_the_algorithms_own_columns(ui: Ui, run: int) -> None:
    found = ui.get("table", run=run)
    assert found["columns"] == ["rms", "sensor", "=1+1"], "what is no list"
    assert found["items"][1] == {
        "id": "pump-1:1",
        "truth": "fault",
        "predicted": "ok",
        "confidence": 0.6,
        "outcome": "wrong",
        "own": {"rms": 10.25, "sensor": "B"},
    }
    assert ui.get("summary", run=run)["pictures"] is False
    assert ui.get("table", run=run, offset=2, limit=1)["items"][0]["id"] == "pump-2:0"


def test_sorting_puts_what_has_no_value_last(ui: Ui, run: int) -> None:
    assert ids(ui, run, sort="special.rms") == ["pump-1:0", "pump-2:0", "pump-1:1", "pump-2:1", "Ü"]
    descending = ids(ui, run, sort="special.rms", order="descending")
    assert descending == ["pump-1:1", "pump-2:0", "pump-1:0", "pump-2:1", "Ü"]
    assert ids(ui, run, sort="confidence")[0] == "pump-1:1"
    assert ui.raw("GET", f"/api/table?run={run}&sort=nothing")[0] == 400
    assert len(ids(ui, run, sort='special."; DROP TABLE results')) == 5


def test_filters_and_search(ui: Ui, run: int) -> None:
    assert ids(ui, run, outcome="wrong") == ["pump-1:1"]
    assert ids(ui, run, outcome="right", confidence=0.75) == ["pump-1:0", "pump-2:0"]
    assert ids(ui, run, truth="fault", predicted="fault") == ["pump-2:0"]
    assert ids(ui, run, search="PUMP-2") == ["pump-2:0", "pump-2:1"]
    assert ids(ui, run, search="10.25") == ["pump-1:1"]
    assert ids(ui, run, search="Ü") == ["Ü"]


def test_csv_has_what_the_table_shows(ui: Ui, run: int) -> None:
    path = f"/api/table.csv?run={run}&sort=confidence&order=descending&truth=fault"
    status, headers, content = ui.raw("GET", path)
    assert status == 200
    assert f"results-{run}.csv" in headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows == [
        ["id", "truth", "predicted", "confidence", "outcome", "rms", "sensor", "'=1+1"],
        ["pump-2:0", "fault", "fault", "0.8", "right", "9", "'=A", ""],
        ["pump-1:1", "fault", "ok", "0.6", "wrong", "10.25", "B", ""],
    ]
