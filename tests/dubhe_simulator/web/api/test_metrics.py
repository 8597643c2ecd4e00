"""What the list of all runs says of their metrics, and what has to be asked for."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import asdict
from pathlib import Path

import pytest

from dubhe_simulator.platform.state.records import ReportedState, Run
from dubhe_simulator.platform.storage.database import Database
from tests.dubhe_simulator.ui import Ui

RUNS, METRICS = 300, 200


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a platform that has seen many runs with many metrics."""
    folder = tmp_path_factory.mktemp("platform")
    database = Database(folder)
    database.mark_derived()
    curves = [(run, place) for run in range(1, RUNS + 1) for place in range(METRICS)]
    with database.transaction() as writer:
        for number in range(1, RUNS + 1):
            run = Run(number, "many-a-train-1", "train", number, 1000 * number, 1000 * number + 9)
            writer.execute("INSERT INTO runs VALUES (?, ?)", (number, json.dumps(asdict(run))))
        for curve, (number, place) in enumerate(curves, 1):
            # The last run lacks the first metric, so that the second is the first of four.
            name = "own" if (number, place) == (RUNS, 0) else f"group/metric_{place}"
            values = (curve, number, name, float(number), 0.0, 9.0)
            writer.execute("INSERT INTO curves VALUES (?, ?, ?, ?, ?, ?)", values)
            writer.execute("INSERT INTO point_sets VALUES (?, '', 3, '')", (curve,))
        facts = json.dumps(asdict(ReportedState(ready=True, runs=RUNS, last_run=RUNS)))
        writer.execute("INSERT INTO reported VALUES ('many-a-train-1', ?)", (facts,))
    database.close()
    return folder


def test_the_state_has_the_metrics_that_most_runs_have_and_others_are_asked_for(
    runs: Path,
) -> None:
    shared = [f"group/metric_{place}" for place in (1, 2, 3, 4)]
    with Ui(runs) as ui:
        with urllib.request.urlopen(f"{ui.url}/api/state") as reply:
            raw = reply.read()
        assert len(raw) < 1000 * (RUNS + 50)  # bytes
        state = json.loads(raw)
        assert state["metric_names"][:4] == shared
        assert len(state["metric_names"]) == METRICS + 1
        assert {len(run["metrics"]) for run in state["runs"]} == {4}
        assert {run["metric_count"] for run in state["runs"]} == {METRICS}
        first = state["runs"][0]["metrics"][0]
        assert first == {"name": shared[0], "points": 3, "last": 1.0, "low": 0.0, "high": 9.0}
        found = ui.get("metrics", run=f"{RUNS},2")["runs"]
        assert [each["run"] for each in found] == [RUNS, 2]
        assert found[0]["metrics"][0]["name"] == "own"
        assert {len(each["metrics"]) for each in found} == {METRICS}
        assert ui.get("state") == state, "also with what was read meanwhile"
        found = ui.get("metrics", name="group/metric_0")["runs"]
        assert [len(each["metrics"]) for each in found] == [1] * (RUNS - 1) + [0]
