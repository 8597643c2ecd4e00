"""An algorithm that logs to an experiment tracker, and what of that is reported.

Weights & Biases and SwanLab have the same interface, but for their names.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.dubhe_sdk.api.support import TRAIN, data_of
from tests.dubhe_sdk.service.harness import App
from tests.integrations.boost_environment import boost_python
from tests.integrations.support import IMPORT_SECONDS, places, run, started
from tests.support.environ import clean_environ
from tests.support.no_network import attempts, without_network

MODES = ["", "disabled"]
"""Values of the tracker's variable for its mode; the first is none."""
APP = """
import os
import TRACKER
import dubhe_sdk
from dubhe_sdk.integrations.TRACKER import report

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        before = TRACKER.Run.log
        try:
            with report(ctx, steps=4, steps_per_epoch=2):
                self.learn(ctx)
        finally:
            assert TRACKER.Run.log is before
            TRACKER.finish()
        assert os.environ.get("MODE_BEFORE", "") == os.environ.get("MODE_VARIABLE", "")

    def learn(self, ctx):
        TRACKER.init(project="plates")
        for step in range(4):
            data = {"loss": 1 / (step + 1), "note": "no curve"}
            TRACKER.log(data, step=step) if step < 2 else TRACKER.log(data)
            if ctx.json_request.get("fails"):
                raise ValueError("bad step")
        TRACKER.log({"val": {"loss": 0.5}, "epoch": 7})
"""
EXPECTED = [
    {"loss": 1.0, "progress": 0.25, "epoch": 0},
    {"loss": 0.5, "progress": 0.5, "epoch": 0},
    {"loss": 1 / 3, "progress": 0.75, "epoch": 1},
    {"loss": 0.25, "progress": 0.999, "epoch": 1},
    {"val/loss": 0.5, "progress": 0.999, "epoch": 7},
    {"progress": 1.0},
]


@contextmanager
def started_with(tracker: str, mode: str, folder: Path) -> Iterator[App]:
    """Start the algorithm.

    Args:
        tracker: ``wandb`` or ``swanlab``.
        mode: one of `MODES`.
        folder: of the algorithm, and its home.
    """
    variable = f"{tracker.upper()}_MODE"
    source = APP.replace("TRACKER", tracker).replace("MODE_VARIABLE", variable)
    env = {variable: mode, "MODE_BEFORE": mode} if mode else {}
    with started(folder, source, boost_python(), HOME=str(folder), **env) as app:
        yield app


def check_what_is_reported(app: App) -> None:
    """Run a training."""
    found = run(app)
    assert found.end["status"] == 200, app.console
    assert found.progress == EXPECTED
    assert places(app, "loss") == ["0/2", "1/2", "0/2", "1/2"]
    kept = [path for path in app.folder.rglob("*") if path.suffix in (".wandb", ".swanlab")]
    assert "MODE_BEFORE" in app.env or kept, "the tracker's own files, to be sent later"


def check_that_a_failure_leaves_nothing(app: App) -> None:
    """Run a training that fails: the tracker is then as it was before."""
    found = run(app, fails=True)
    assert "ValueError: bad step" in found.end["msg"]
    assert found.progress == EXPECTED[:1]


ALONE = """
import TRACKER
import dubhe_sdk
from dubhe_sdk.integrations.TRACKER import report

with report(dubhe_sdk.Context({}), steps=2):
    TRACKER.init(project="plates")
    for step in range(2):
        TRACKER.log({"loss": 1 / (step + 1)})
    TRACKER.finish()
"""


def check_that_no_network_is_asked_for(tracker: str, folder: Path) -> None:
    """Report on a machine that has nothing but loopback: the tracker does not try to leave it."""
    assert reported_without_network(ALONE.replace("TRACKER", tracker), folder) == [
        {"loss": 1.0, "progress": 0.5, "epoch": 0},
        {"loss": 0.5, "progress": 0.999, "epoch": 1},
        {"progress": 1.0},
    ]


def reported_without_network(program: str, folder: Path) -> list[Any]:
    """Run a program on a machine without a network; return what it reports.

    Args:
        program: its source.
        folder: where it runs; its home, too.
    """
    counts = folder / "counts"
    folders = dict.fromkeys(("HOME", "TMPDIR", "DUBHE_TEMPORARY"), str(folder))
    done = subprocess.run(
        [*without_network(counts), boost_python(), "-c", program],
        cwd=folder,
        env=clean_environ(**folders, INSTANCE_ID=TRAIN),
        capture_output=True,
        text=True,
        timeout=IMPORT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert attempts(counts) == 0, done.stderr
    return data_of(folder)
