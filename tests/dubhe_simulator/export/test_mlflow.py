"""MLflow itself reads what is written for it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from dubhe_simulator.errors import CannotStart
from dubhe_simulator.export.mlflow import names, write_store
from tests.dubhe_simulator.export.stored import EPOCHS, TRAIN, fill_stopped, reading
from tests.integrations.tracker_environment import tracker_python
from tests.page.store import BEGAN_MS

READ = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
found = []
for experiment in client.search_experiments():
    for run in client.search_runs([experiment.experiment_id], order_by=["start_time"]):
        history = {key: [(p.value, p.timestamp, p.step)
                         for p in client.get_metric_history(run.info.run_id, key)]
                   for key in run.data.metrics}
        info = run.info
        found.append({"experiment": experiment.name, "name": info.run_name, "status": info.status,
                      "start": info.start_time, "params": run.data.params, "tags": run.data.tags,
                      "history": history})
print(json.dumps(found))
"""


@pytest.mark.needs("mlflow")
def test_its_own_client_finds_runs_points_and_parameters(stored: Path, tmp_path: Path) -> None:
    with reading(stored) as runs:
        for data in runs:
            write_store(data, tmp_path / "mlruns")
    done = subprocess.run(
        [tracker_python(), "-c", READ, (tmp_path / "mlruns").as_uri()],
        check=True, capture_output=True, text=True, timeout=120,
        env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true"},
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert [run["experiment"] for run in found] == ["dubhe"] * 4
    [first] = [run for run in found if run["name"] == "first"]
    assert (first["status"], first["start"]) == ("FINISHED", BEGAN_MS)
    assert first["params"]["special_params.lr"] == "0.1"
    assert first["params"]["special_params._"] == "值"
    assert (first["tags"]["dubhe.instance"], first["tags"]["dubhe.tags"]) == (TRAIN, "好, base")
    assert set(first["history"]) == {"loss", "val/loss", "val_", "__ _"}
    expected = [[2 / epoch, BEGAN_MS + 10 * epoch, epoch - 1] for epoch in range(1, EPOCHS + 1)]
    assert sorted(first["history"]["val/loss"], key=lambda point: point[2]) == expected


def test_a_run_that_is_there_is_not_written_twice(stored: Path, tmp_path: Path) -> None:
    with reading(stored) as runs:
        write_store(runs[0], tmp_path)
        with pytest.raises(CannotStart, match="is there already"):
            write_store(runs[0], tmp_path)


def test_a_stopped_run_is_one_that_was_killed(tmp_path: Path) -> None:
    expected = fill_stopped(tmp_path / "runs")
    with reading(tmp_path / "runs") as runs:
        found = {each.run.instance: write_store(each, tmp_path / "mlruns") for each in runs}
    for instance, folder in found.items():
        killed = "status: 5" in (folder / "meta.yaml").read_text()
        assert killed == expected[instance], instance


def test_names_are_those_of_files_and_differ() -> None:
    given = ["loss", "loss/box", "a b", "a%b", "a$b", "../../etc", "/", "..", "x//y", "好"]
    found = names(given)
    assert found == ["loss_", "loss/box", "a b", "a_b", "a_b_", "etc", "_", "__", "x/y", "__3"]
