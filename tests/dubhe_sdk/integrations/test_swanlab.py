"""What `swanlab.log` gets goes to the platform, without a network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.integrations.boost_environment import boost_python
from tests.integrations.support import marks, run, started

pytestmark = marks

APP = """
import os
import swanlab
import dubhe_sdk
from dubhe_sdk.integrations.swanlab import report

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        before = swanlab.Run.log
        try:
            with report(ctx, steps=4, steps_per_epoch=2):
                self.learn(ctx)
        finally:
            assert swanlab.Run.log is before
            swanlab.finish()
        assert os.environ.get("MODE_BEFORE", "") == os.environ.get("SWANLAB_MODE", "")

    def learn(self, ctx):
        swanlab.init(project="plates")
        for step in range(4):
            data = {"loss": 1 / (step + 1), "note": "no curve"}
            swanlab.log(data, step=step) if step < 2 else swanlab.log(data)
            if ctx.json_request.get("fails"):
                raise ValueError("bad step")
        swanlab.log({"val": {"loss": 0.5}, "epoch": 7})
"""
EXPECTED = [
    {"loss": 1.0, "progress": 0.25, "epoch": 0},
    {"loss": 0.5, "progress": 0.5, "epoch": 0},
    {"loss": 1 / 3, "progress": 0.75, "epoch": 1},
    {"loss": 0.25, "progress": 0.999, "epoch": 1},
    {"val/loss": 0.5, "progress": 0.999, "epoch": 7},
    {"progress": 1.0},
]


@pytest.fixture(scope="module", params=["", "disabled"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    mode: str = request.param
    env = {"SWANLAB_MODE": mode, "MODE_BEFORE": mode} if mode else {}
    folder = tmp_path_factory.mktemp("swanlab")
    with started(folder, APP, boost_python(), HOME=str(folder), **env) as app:
        yield app


def test_what_is_logged_is_reported(app: App) -> None:
    found = run(app)
    assert found.end["status"] == 200, app.console
    assert found.progress == EXPECTED
    kept = [path for path in app.folder.rglob("*") if path.suffix in (".wandb", ".swanlab")]
    assert "SWANLAB_MODE" in app.env or kept, "the tracker's own files, to be sent later"


def test_after_a_failure_it_is_as_before(app: App) -> None:
    found = run(app, fails=True)
    assert "ValueError: bad step" in found.end["msg"]
    assert found.progress == EXPECTED[:1]
