"""The examples of training frameworks, played from the data's drawing to an inference."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

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
CURVES = {
    "lightning": {"loss", "val_loss", "val_accuracy", "lr-Adam"},
    "mmengine": {"loss", "lr", "accuracy"},
    "paddle": {"loss", "acc", "lr", "eval_loss", "eval_acc"},
    "transformers": {"loss", "grad_norm", "learning_rate", "eval_loss"},
    "ultralytics": {"box_loss", "train/box_loss", "metrics/mAP50(B)", "lr/pg0"},
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
    right, predictions = int(found[2]), int(found[3])
    if name == "ultralytics":  # after one epoch it finds nothing yet; each label is counted
        lines = (path.read_text().splitlines() for path in folder.glob("data/test/*.txt"))
        assert (right, predictions) == (0, sum(map(len, lines)))
    else:
        assert float(found[1]) > 0.6, done.stdout
    assert len(list((folder / "output" / "models").glob("model_*"))) == 1
    shows(tmp_path / "runs", folder, visit, right, predictions)


def shows(runs: Path, folder: Path, visit: Visitor, right: int, predictions: int) -> None:
    """The page has the curves, the images and the matrix of what was played.

    Args:
        runs: where the platform keeps it.
        folder: the algorithm's.
        visit: opens pages.
        right: how many predictions of the evaluation are right.
        predictions: how many there are, things that were missed among them.
    """
    images = len(list(folder.glob("data/test/**/*.png")))
    with Ui(runs, folder) as ui:
        ids = {run["kind"]: run["id"] for run in ui.get("state")["runs"]}
        (own,) = ui.get("metrics", run=ids["train"])["runs"]
        page = visit(f"{ui.link}#/curves?runs={ids['train']}")
        assert CURVES[folder.name] <= {metric["name"] for metric in own["metrics"]}
        for name in CURVES[folder.name]:
            page.get_by_label("Search metrics").fill(name)  # there are more than one screen shows
            plot = page.locator(f'.chart[data-metric="{name}"] .plot')
            expect(plot.locator("canvas")).to_be_visible()
            expect(plot).to_have_attribute("data-points", re.compile(r"^[1-9]"))
        results = f"{ui.link}#/results?run={ids['evaluate']}"
        page.goto(results)
        expect(page.locator(".gallery-count")).to_have_text(f"{images} of {images} images")
        expect(page.locator(".gallery .tile[data-outcome]").first).to_be_visible()
        picture = page.locator(".gallery .tile img").first
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 0
        if folder.name == "ultralytics":
            expect(page.locator(".gallery .prediction.missed")).to_have_count(predictions)
        assert [count(page, "td.right"), count(page, "td")] == [right, predictions]
        page.context.close()
        page = visit(results, locale="zh-CN")
        expect(page.locator(".gallery-count")).to_contain_text(str(images))
        expect(page.locator(".matrix caption")).to_contain_text("混淆矩阵")
        page.context.close()  # before its server ends


def count(page: Page, cells: str) -> int:
    """Return the sum of some cells of the confusion matrix."""
    expect(page.locator(".matrix td button").first).to_be_visible()
    return sum(map(int, page.locator(f".matrix {cells} button").all_inner_texts()))
