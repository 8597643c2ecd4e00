"""LightGBM on the platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.integrations.boost_environment import boost_python
from tests.integrations.support import (
    LAUNCHES,
    WAIT,
    assert_ended_together,
    marks,
    models,
    run,
    started,
    steps,
    stopped,
    write_ranks,
)
from tests.support.ports import private_ports

pytestmark = marks

APP = f"""{WAIT}
import lightgbm
import numpy as np
import dubhe_sdk
from dubhe_sdk import ContextKey
from dubhe_sdk.integrations.lightgbm import DubheCallback

PARAMS = {{"num_leaves": 4, "num_threads": 1, "objective": "l2", "verbose": -1, "seed": 0}}

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        x = np.random.default_rng(0).random((64, 3))
        self.x, self.y = x, x.sum(axis=1)

    @dubhe_sdk.train()
    def train(self, ctx):
        case = ctx.json_request.get("case", "train")
        data = lightgbm.Dataset(self.x, self.y)
        def places(env):
            if ctx.json_request.get("fails"):
                raise ValueError("bad round")
            wait_for_the_stop(ctx, env.iteration)
        with DubheCallback(ctx) as dubhe:
            callbacks = [places, dubhe]
            if case == "cv":
                lightgbm.cv(PARAMS, data, 4, nfold=2, stratified=False, callbacks=callbacks)
            elif case == "sklearn":
                model = lightgbm.LGBMRegressor(n_estimators=4, n_jobs=1, verbose=-1)
                model.fit(self.x, self.y, eval_set=[(self.x, self.y)], callbacks=callbacks)
            elif case == "early":
                noise = lightgbm.Dataset(self.x, self.y[::-1])
                callbacks.append(lightgbm.early_stopping(2, verbose=False))
                booster = lightgbm.train(PARAMS, data, 500, [noise], callbacks=callbacks)
                assert booster.current_iteration() < 100
            elif case == "blind":
                lightgbm.train({{**PARAMS, "learning_rate": 0.2}}, data, 4, callbacks=callbacks)
            else:
                start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None
                callbacks.append(
                    lightgbm.reset_parameter(learning_rate=lambda number: 0.1 / (number + 1))
                )
                lightgbm.train(PARAMS, data, 4, [data], init_model=start, callbacks=callbacks)
        if case == "early":
            kept = lightgbm.Booster(model_file=sorted(Path("output/models").glob("model_*"))[-1])
            assert kept.current_iteration() == booster.best_iteration == dubhe._epoch - 1
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with started(tmp_path_factory.mktemp("lightgbm"), APP, boost_python()) as app:
        yield app


def test_a_training_and_its_continuation(app: App) -> None:
    first = run(app)
    assert first.end["status"] == 200, app.console
    assert first.steps == [(0, 0.25), (1, 0.5), (2, 0.75), (3, 0.999), (None, 1)]
    assert set(first.progress[0]) == {"training l2", "learning_rate", "progress", "epoch"}
    assert [one["learning_rate"] for one in first.progress[:2]] == [0.1, 0.05]
    (model,) = first.models
    assert model.name.split("_")[2] == "3" and model.suffix == ".txt"
    again = run(app, pretrained_model_path=str(model), pretrained_epoch=4)
    assert again.steps == [(4, 0.625), (5, 0.75), (6, 0.875), (7, 0.999), (None, 1)]
    assert again.models[0].name.split("_")[2] == "7"


def test_early_stopping_is_an_end(app: App) -> None:
    early = run(app, case="early")
    assert early.end["status"] == 200, app.console
    assert early.steps[-1] == (None, 1) and early.steps[-2][1] < 0.2
    assert len(early.models) == 1


def test_cross_validation(app: App) -> None:
    found = run(app, case="cv")
    assert found.steps == [(0, 0.25), (1, 0.5), (2, 0.75), (3, 0.999), (None, 1)]
    assert {"valid l2-mean", "valid l2-stdv"} < set(found.progress[0])
    assert found.models == []


def test_the_models_of_scikit_learn(app: App) -> None:
    found = run(app, case="sklearn")
    assert found.end["status"] == 200, app.console
    assert found.steps == [(0, 0.25), (1, 0.5), (2, 0.75), (3, 0.999), (None, 1)]
    assert "training l2" in found.progress[0]


def test_without_evaluation(app: App) -> None:
    found = run(app, case="blind")
    assert set(found.progress[0]) == {"learning_rate", "progress", "epoch"}
    assert found.models[0].name.endswith("_3_0.00.txt")


def test_a_failure_in_a_callback(app: App) -> None:
    found = run(app, fails=True)
    assert found.end["status"] == 300 and "ValueError: bad round" in found.end["msg"]
    assert found.progress == []


def test_a_stop_and_its_resumption(app: App, tmp_path: Path) -> None:
    stop = stopped(tmp_path, APP, at=1, python=boost_python())
    assert steps(stop) == [(0, 0.25), (1, 0.5)]
    (model,) = models(stop)
    again = run(app, pretrained_model_path=str(model), pretrained_epoch=2)
    assert again.end["status"] == 200, app.console
    assert again.steps[0] == (2, 0.5)


RANK = """
import lightgbm
import numpy as np
from dubhe_sdk.integrations.lightgbm import DubheCallback

rank, ports = int(sys.argv[1]), sys.argv[2:]
params = {
    "num_leaves": 4, "num_threads": 1, "objective": "l2", "verbose": -1, "min_data_in_leaf": 4,
    "tree_learner": "data",
}
x = np.random.default_rng(0).random((64, 3))

def places(env):
    if rank == 0:
        wait_for_the_stop(ctx, f"{training} {env.iteration}")
    Path(f"rounds{training}{rank}").write_text(str(env.iteration + 1))

try:
    for training in ("whole", "stopped"):
        ours, ports = ports[:2], ports[2:]
        network = {
            "machines": ",".join(f"127.0.0.1:{port}" for port in ours),
            "local_listen_port": int(ours[rank]),
        }
        data = lightgbm.Dataset(x[rank::2], x.sum(axis=1)[rank::2])
        with DubheCallback(ctx) as dubhe:
            lightgbm.train({**params, **network}, data, 4, [data], callbacks=[places, dubhe])
except dubhe_sdk.TaskStopped:
    Path(f"left{rank}").touch()
    raise
"""

ROUNDS = [(0, 0.25), (1, 0.5), (2, 0.75), (3, 0.999), (None, 1)]


def test_two_ranks_and_a_stop_of_theirs(tmp_path: Path) -> None:
    ports = [str(port) for port in private_ports(4)]
    write_ranks(tmp_path, RANK, [[boost_python(), "rank.py", rank, *ports] for rank in "01"])
    app = stopped(tmp_path, LAUNCHES, at="stopped 1", python=boost_python())
    assert_ended_together(app, "rounds", ROUNDS)
