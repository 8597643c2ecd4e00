"""The smallest algorithms, by ``dubhe play``, ``dubhe ui`` and ``dubhe ui --attach``.

They have no images, no data folder, no ``run.sh`` and no model file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_simulator.fake import processes_with, wait_until
from tests.dubhe_simulator.ui import Ui
from tests.support.environ import clean_environ
from tests.support.ports import reserved_port

pytestmark = pytest.mark.slow

TRAINS = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): ...

    @dubhe_sdk.train()
    def train(self, ctx):
        for epoch in range(3):
            ctx.logProgressByEpoch(epoch, (epoch + 1) / 3, {"loss": 1 / (epoch + 1)})
"""
DOES_ALL = (
    TRAINS
    + """
    @dubhe_sdk.predict()
    def predict(self, ctx):
        ctx.logResult({"rmse": 0.25})

    @dubhe_sdk.inference()
    def infer(self, ctx):
        return {"answer": 42}
"""
)


@pytest.fixture
def algorithm(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    return folder


def play(algorithm: Path, source: str, **environment: str) -> str:
    (algorithm / "app.py").write_text(source)
    command = [sys.executable, "-m", "dubhe_sdk.cli.bin.dubhe", "play"]
    env = {**clean_environ(), "LC_ALL": "C.UTF-8", **environment}
    done = subprocess.run(
        command, cwd=algorithm, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not processes_with(str(algorithm / "runs"))
    return done.stdout


def test_an_algorithm_that_only_trains(algorithm: Path) -> None:
    out = play(algorithm, TRAINS)
    assert re.search(r"^  training +1 +1 +3 +1 +6 +6 +0 +0$", out, re.MULTILINE), out
    folder = algorithm / "output" / "models"
    note = f"no model_<time>_<epoch>_<loss>.<ext> in {folder}: starting without model_path"
    assert out.count(note) == 1
    for kind, name in (("evaluation", "predict"), ("inference", "inference")):
        skipped = f"skipped: the algorithm has no method marked @dubhe_sdk.{name}()"
        assert f"  {kind:12}{skipped}" in out
    assert "Model " not in out


def test_results_without_images(algorithm: Path) -> None:
    out = play(algorithm, DOES_ALL)
    assert 'Evaluation, results without images: 1; the last:\n  {"rmse": 0.25}' in out
    assert 'Inference\n  {"answer": 42}' in out
    assert re.search(r"^  evaluation +1 +1 +0 +1 +1 +4 +4 +0 +0$", out, re.MULTILINE), out


def test_in_chinese(algorithm: Path) -> None:
    out = play(algorithm, DOES_ALL, LC_ALL="zh_CN.UTF-8", PYTHONUTF8="1")
    assert '  {"rmse": 0.25}' in out
    assert "不带 model_path 启动" in out


def finished(state: dict[str, Any]) -> bool:
    return bool(state["workflow"]) and state["workflow"]["state"] != "running"


def test_on_the_page(algorithm: Path, tmp_path: Path) -> None:
    (algorithm / "app.py").write_text(DOES_ALL)
    with Ui(tmp_path / "runs", algorithm) as ui:
        ui.post("workflow")
        state = ui.wait(finished, timeout=90)
        assert (state["workflow"]["state"], state["workflow"]["error"]) == ("done", None)
        runs = {run["kind"]: run for run in state["runs"]}
        assert runs["train"]["metrics"] == [
            {"name": "loss", "points": 3, "last": 1 / 3, "low": 1 / 3, "high": 1}
        ]
        assert (runs["evaluate"]["results"], runs["evaluate"]["images"]) == (1, 0)
        for kind, plain in (("evaluate", '{"rmse": 0.25}'), ("infer", '{"answer": 42}')):
            [item] = ui.get("results", run=runs[kind]["id"])["items"]
            assert (item["plain"], item["predictions"], item["url"]) == (plain, [], None)


def test_a_task_that_is_missing_is_passed_over_on_the_page(algorithm: Path, tmp_path: Path) -> None:
    (algorithm / "app.py").write_text(TRAINS)
    with Ui(tmp_path / "runs", algorithm) as ui:
        ui.post("workflow")
        state = ui.wait(finished, timeout=90)
        assert state["workflow"]["state"] == "done"
        assert "@dubhe_sdk.inference()" in state["workflow"]["note"]
        assert [i["kind"] for i in state["instances"]] == ["train"]
        ui.post("workflow/evaluate")  # asked for alone, it fails
        state = ui.wait(finished, timeout=90)
        assert "marked @dubhe_sdk.predict()" in state["workflow"]["error"]


def test_attached(algorithm: Path, tmp_path: Path) -> None:
    (algorithm / "app.py").write_text(DOES_ALL)
    folder = tmp_path / "elsewhere"
    name = "tiny-local-train-1"
    with reserved_port() as port:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = clean_environ(
            PATH=path, PORT=str(port), INSTANCE_ID=name, DUBHE_TEMPORARY=str(folder)
        )
        command = [sys.executable, "-u", "app.py"]
        with (tmp_path / "out").open("w") as out:
            process = subprocess.Popen(command, cwd=algorithm, env=env, stdout=out, stderr=out)
        try:
            wait_until(lambda: list(folder.glob("journal/*.jsonl")), 60)
            with Ui(tmp_path / "runs", "--attach", f"tcp://127.0.0.1:{port}") as ui:
                address = f"127.0.0.1:{port}"
                ui.post("attach", address=address, protocol="tcp", instance=name,
                        folder=str(folder))  # fmt: skip
                ui.wait_state(name, "ready")
                form = ui.get("forms", instance=name)["requests"][1]["body"]
                assert ui.post("send", instance=name, body=form)["reply"]["flag"] == 1
                ui.wait_state(name, "ended")
                [run] = ui.runs_of(name)
                assert (run["status"], run["metrics"][0]["points"]) == (200, 3)
        finally:
            process.terminate()
            process.wait(60)
