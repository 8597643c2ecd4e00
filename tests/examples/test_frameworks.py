"""The examples of training frameworks, played from the data's drawing to an inference."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dubhe_simulator.fake import processes_with
from tests.dubhe_simulator.ui import Ui
from tests.examples.torch_environment import torch_python
from tests.integrations.boost_environment import boost_python
from tests.integrations.support import marks
from tests.page.fixtures import Visitor
from tests.support.distributions import ROOT

pytestmark = marks

PARAMS = {
    "lightning": {"epochs": 6},
    "mmengine": {"epochs": 6},
    "paddle": {"epochs": 4},
    "transformers": {"num_train_epochs": 6, "use_cpu": True},
    "ultralytics": {"epochs": 1, "device": "cpu", "imgsz": 32, "batch": 16},
}


@pytest.mark.parametrize("name", PARAMS)
def test_it_is_short(name: str) -> None:
    assert len((ROOT / "examples" / name / "app.py").read_text("utf-8").splitlines()) <= 80


@pytest.mark.parametrize("name", PARAMS)
def test_it_is_played(tmp_path: Path, visit: Visitor, name: str) -> None:
    ignored = shutil.ignore_patterns("data", "output", "temporary", "runs", "__pycache__")
    folder = shutil.copytree(ROOT / "examples" / name, tmp_path / name, ignore=ignored)
    python = boost_python() if name == "paddle" else torch_python()
    env = {
        **os.environ,
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        **{"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"},
        **{"HF_HUB_OFFLINE": "1", "YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": str(tmp_path)},
    }
    subprocess.run([python, "prepare.py"], cwd=folder, check=True, env=env)
    command = [python, "-m", "dubhe_sdk.cli.bin.dubhe", "play", folder, "--runs-dir", "runs"]
    done = subprocess.run(
        [*command, "--special-params", json.dumps(PARAMS[name])],
        cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert not processes_with(str(tmp_path / "runs"))
    found = re.search(r"^Evaluation: accuracy ([\d.]+) \((\d+) of (\d+)\)", done.stdout, re.M)
    assert found is not None, done.stdout
    if name == "ultralytics":  # after one epoch it finds nothing yet; each label is counted
        lines = (path.read_text().splitlines() for path in folder.glob("data/test/*.txt"))
        assert int(found[3]) == sum(map(len, lines))
        shows(tmp_path / "runs", folder, visit, int(found[3]))
    else:
        assert float(found[1]) > 0.6, done.stdout
    assert len(list((folder / "output" / "models").glob("model_*"))) == 1


def shows(runs: Path, folder: Path, visit: Visitor, there: int) -> None:
    """The page has curves, boxes and the matrix of what was played."""
    with Ui(runs, folder) as ui:
        state = ui.get("state")
        (train,) = [run for run in state["runs"] if run["kind"] == "train"]
        (evaluation,) = [run for run in state["runs"] if run["kind"] == "evaluate"]
        (own,) = ui.get("metrics", run=train["id"])["runs"]
        names = {metric["name"] for metric in own["metrics"]}
        assert {"box_loss", "train/box_loss", "metrics/mAP50(B)", "lr/pg0"} <= names
        page = visit(f"{ui.link}#/curves?runs={train['id']}")
        expect(page.locator(".chart[data-metric=box_loss] .plot canvas")).to_be_visible()
        page.goto(f"{ui.link}#/results?run={evaluation['id']}")
        expect(page.locator(".gallery .prediction").first).to_be_attached()
        expect(page.locator(".gallery .prediction.missed")).to_have_count(there)
        expect(page.locator(".matrix td button").first).to_be_visible()
        page.context.close()  # before its server ends
