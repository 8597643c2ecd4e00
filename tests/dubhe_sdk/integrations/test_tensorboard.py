"""Scalars of TensorBoard's writers go to the platform: tensorboardX's and PyTorch's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.examples.torch_environment import torch_python
from tests.integrations.boost_environment import boost_python
from tests.integrations.support import marks, run, started
from tests.integrations.trackers import reported_without_network

pytestmark = marks

APP = """
import os
import dubhe_sdk
from dubhe_sdk.integrations import tensorboard

if os.environ.get("TORCH"):
    from torch.utils.tensorboard import SummaryWriter
else:
    from tensorboardX import SummaryWriter

def learn(fails):
    with SummaryWriter("events") as writer:
        for step in range(4):
            writer.add_scalar("loss", 1 / (step + 1), step)
            if fails:
                raise ValueError("bad step")
        writer.add_scalars("score", {"train": 0.5, "val": 0.25}, 3)
        writer.add_text("note", "no curve", 3)

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        before = SummaryWriter.add_scalar
        try:
            with tensorboard.report(ctx, steps=4, steps_per_epoch=2):
                learn(ctx.json_request.get("fails"))
        finally:
            assert SummaryWriter.add_scalar is before
        learn(False)  # is not reported
        assert any(os.path.getsize(f"events/{name}") > 100 for name in os.listdir("events"))
"""
ALONE = """
import dubhe_sdk
from dubhe_sdk.integrations import tensorboard
from tensorboardX import SummaryWriter

with tensorboard.report(dubhe_sdk.Context({}), steps=1), SummaryWriter("events") as writer:
    writer.add_scalar("loss", 1.0, 0)
"""
EXPECTED = [
    {"loss": 1.0, "progress": 0.25, "epoch": 0},
    {"loss": 0.5, "progress": 0.5, "epoch": 0},
    {"loss": 1 / 3, "progress": 0.75, "epoch": 1},
    {"loss": 0.25, "progress": 0.999, "epoch": 1},
    {"score/train": 0.5, "score/val": 0.25, "progress": 0.999, "epoch": 1},
    {"progress": 1.0},
]


@pytest.fixture(scope="module", params=["tensorboardX", "torch"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    env = {}
    if request.param == "torch":  # and TensorBoard, which PyTorch does not bring, from the other
        code = "import os, torch; print(os.path.dirname(os.path.dirname(torch.__file__)))"
        found = subprocess.run(
            [torch_python(), "-c", code], capture_output=True, text=True, check=True
        )
        env = {"TORCH": "1", "PYTHONPATH": found.stdout.strip()}
    folder = tmp_path_factory.mktemp(request.param)
    with started(folder, APP, boost_python(), **env) as app:
        yield app


def test_scalars_are_reported(app: App) -> None:
    found = run(app)
    assert found.end["status"] == 200, app.console
    assert found.progress == EXPECTED


def test_after_a_failure_the_writer_is_as_before(app: App) -> None:
    found = run(app, fails=True)
    assert "ValueError: bad step" in found.end["msg"]
    assert found.progress == EXPECTED[:1]


def test_without_a_writer(tmp_path: Path) -> None:
    (tmp_path / "tensorboardX.py").write_text("raise ImportError")
    code = "from dubhe_sdk.integrations import tensorboard; tensorboard.report()"
    done = subprocess.run(
        [boost_python(), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "found neither torch.utils.tensorboard" in done.stderr


@pytest.mark.needs("root", "unshare", "ip")
def test_no_network_is_asked_for(tmp_path: Path) -> None:
    first = {"loss": 1.0, "progress": 0.999, "epoch": 0}
    assert reported_without_network(ALONE, tmp_path) == [first, {"progress": 1.0}]
