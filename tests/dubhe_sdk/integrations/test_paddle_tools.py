"""Trainings of PaddleDetection and PaddleClas are followed by the lines that they log.

The programs here log what theirs do, in their forms; the tools themselves are not installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.integrations.support import WAIT, models, run, started, steps, stopped

pytestmark = pytest.mark.slow

TOOL = """
import datetime, logging, os, sys, time
from pathlib import Path

kind, output = sys.argv[1], Path(sys.argv[2])
handler = logging.StreamHandler(sys.stdout)
date = "%m/%d %H:%M:%S" if kind == "detection" else "%Y/%m/%d %H:%M:%S"
form = "[%(asctime)s] %(name)s %(levelname)s: %(message)s"
handler.setFormatter(logging.Formatter(form, datefmt=date))
logger = logging.getLogger("ppdet.engine" if kind == "detection" else "ppcls")
logger.setLevel(logging.INFO)
logger.addHandler(handler)
eta = str(datetime.timedelta(seconds=100_000))

def save(name, text):
    output.mkdir(parents=True, exist_ok=True)
    for suffix in (".pdparams", ".pdopt"):
        (output / (name + suffix)).write_text(text)

for epoch in range(2):
    for step in range(16):
        loss = 1 / (16 * epoch + step + 1)
        if kind == "detection":
            logger.info(
                "Epoch: [{}] [{:2d}/{}] learning_rate: {:.6f} loss: {:.6f} loss_cls: {:.6f} eta: {}"
                " batch_cost: 0.0513 data_cost: 0.0001 ips: 38.9864 images/s".format(
                    epoch, step, 16, 0.001, loss, loss / 2, eta))
        elif kind == "classes":
            logger.info(
                "[Train][Epoch {}/{}][Iter: {}/{}]lr(LinearWarmup): {:.8f}, CELoss: {:.5f}, "
                "loss: {:.5f}, batch_cost: 0.05s, reader_cost: 0.01000, ips: 38.98640 samples/s, "
                "eta: {}".format(epoch + 1, 2, step, 16, 1e-5, loss, loss, eta))
    if kind == "detection":
        save(str(epoch) if epoch == 0 else "model_final", f"epoch {epoch}")
        logger.info("Best test bbox ap is {:0.3f}.".format(0.123))
        if epoch == 0:
            save("best_model", "best")
    elif kind == "classes":
        logger.info("[Eval][Epoch {}][Avg]CELoss: {:.5f}, loss: {:.5f}, top1: {:.5f}".format(
            epoch + 1, 0.75, 0.75, 0.5))
        save("latest", f"epoch {epoch}")
    if kind == "fails":
        raise SystemExit("no such data")
    if "WAITS" in os.environ:
        old = time.time() - 60
        for path in output.iterdir():
            os.utime(path, (old, old))
        save("1", "half of it")
        Path("waits").touch()
        time.sleep(600)
"""

APP = f"""{WAIT}
import dubhe_sdk
from dubhe_sdk.integrations.paddle_tools import follow

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        kind = ctx.json_request.get("tool", "detection")
        variables = {{"WAITS": "1"}} if "STOPS_AT" in os.environ else {{}}
        command = [sys.executable, "tool.py", kind, "checkpoints"]
        follow(
            ctx, command, "checkpoints", epochs=2 if kind == "detection" else None, env=variables
        )
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("tools")
    (folder / "tool.py").write_text(TOOL)
    with started(folder, APP, Path(sys.executable)) as app:
        yield app


def test_detection(app: App) -> None:
    found = run(app, tool="detection")
    assert found.end["status"] == 200, app.console
    first = [(0, (index + 1) / 32) for index in range(16)]
    assert found.steps[:17] == [*first, (0, 0.5)]
    second = [(1, (index + 17) / 32) for index in range(15)]
    assert found.steps[17:] == [*second, (1, 0.999), (1, 0.999), (None, 1)]
    batch, best = found.progress[0], found.progress[16]
    assert set(batch) == {"learning_rate", "loss", "loss_cls", "progress", "epoch"}
    assert (batch["learning_rate"], batch["loss"], batch["loss_cls"]) == (0.001, 1.0, 0.5)
    assert best == {"best_bbox_ap": 0.123, "progress": 0.5, "epoch": 0}
    (model,) = found.models
    assert model.read_text() == "best" and model.name.split("_")[2] == "1"
    assert (model.parent / f"optimizer_{model.stem}.pdopt").read_text() == "best"
    assert "ppdet.engine INFO: Epoch: [1] [15/16]" in app.console


def test_classification(app: App) -> None:
    found = run(app, tool="classes")
    assert found.end["status"] == 200, app.console
    assert found.steps[0] == (0, 1 / 32) and found.steps[-1] == (None, 1)
    assert set(found.progress[0]) == {"lr(LinearWarmup)", "CELoss", "loss", "progress", "epoch"}
    assert found.progress[0]["lr(LinearWarmup)"] == 1e-5
    (validation, _) = (one for one in found.progress if "eval_top1" in one)
    assert validation["eval_top1"] == 0.5 and validation["epoch"] == 0
    (model,) = found.models
    assert model.read_text() == "epoch 1" and model.name.endswith("_1_0.75.pdparams")


def test_a_failure(app: App) -> None:
    found = run(app, tool="fails")
    assert found.end["status"] == 300 and "exit status 1" in found.end["msg"]
    assert found.models == [] and (None, 1) not in found.steps


def test_a_stop(tmp_path: Path) -> None:
    (tmp_path / "tool.py").write_text(TOOL)
    app = stopped(tmp_path, APP, at=0, python=Path(sys.executable))
    assert steps(app)[-1] == (0, 0.5)
    (model,) = models(app)
    assert model.read_text() != "half of it", "what was being written is not taken"
