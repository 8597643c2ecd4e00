"""XGBoost on the platform."""

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

pytestmark = marks

APP = f"""{WAIT}
import numpy as np
import xgboost
import dubhe_sdk
from dubhe_sdk import ContextKey
from dubhe_sdk.integrations.xgboost import DubheCallback

PARAMS = {{"max_depth": 2, "nthread": 1, "objective": "reg:squarederror", "seed": 0}}

class Places(xgboost.callback.TrainingCallback):
    def __init__(self, ctx):
        self.ctx = ctx

    def after_iteration(self, model, epoch, evals_log):
        if self.ctx.json_request.get("fails"):
            raise ValueError("bad round")
        wait_for_the_stop(self.ctx, epoch)
        return False

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        x = np.random.default_rng(0).random((64, 3))
        self.x, self.y = x, x.sum(axis=1)

    @dubhe_sdk.train()
    def train(self, ctx):
        case = ctx.json_request.get("case", "train")
        data = xgboost.DMatrix(self.x, self.y)
        callbacks = [Places(ctx), DubheCallback(ctx, rounds=4)]
        if case == "cv":
            xgboost.cv(PARAMS, data, 4, nfold=2, callbacks=callbacks)
        elif case == "sklearn":
            model = xgboost.XGBRegressor(n_estimators=4, n_jobs=1, callbacks=callbacks)
            model.fit(self.x, self.y, eval_set=[(self.x, self.y)])
        elif case == "early":
            noise = xgboost.DMatrix(self.x, self.y[::-1])
            evals = [(data, "train"), (noise, "noise")]
            which = ctx.json_request["model"]
            callbacks = [Places(ctx), DubheCallback(ctx, rounds=500, model=which)]
            booster = xgboost.train(
                PARAMS, data, 500, evals, early_stopping_rounds=2, callbacks=callbacks
            )
            rounds = {{"best": booster.best_iteration + 1, "last": booster.num_boosted_rounds()}}
            assert rounds["best"] < rounds["last"] < 100
            newest = sorted(Path("output/models").glob("model_*"))[-1]
            assert xgboost.Booster(model_file=newest).num_boosted_rounds() == rounds[which]
        else:
            start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None
            if case == "unknown":
                callbacks = [Places(ctx), DubheCallback(ctx, save=False)]
            evals = [(data, "train"), (data, "validation")]
            xgboost.train(PARAMS, data, 4, evals, xgb_model=start, callbacks=callbacks)
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with started(tmp_path_factory.mktemp("xgboost"), APP, boost_python()) as app:
        yield app


def test_a_training_and_its_continuation(app: App) -> None:
    first = run(app)
    assert first.end["status"] == 200, app.console
    assert first.steps == [(0, 0.25), (1, 0.5), (2, 0.75), (3, 0.999), (None, 1)]
    assert set(first.progress[0]) == {"train-rmse", "validation-rmse", "progress", "epoch"}
    (model,) = first.models
    assert model.name.split("_")[2] == "3" and model.suffix == ".ubj"
    again = run(app, pretrained_model_path=str(model), pretrained_epoch=4)
    assert again.steps == [(4, 0.625), (5, 0.75), (6, 0.875), (7, 0.999), (None, 1)]
    assert again.progress[0]["train-rmse"] < first.progress[3]["train-rmse"]
    assert again.models[0].name.split("_")[2] == "7"


@pytest.mark.parametrize("model", ["best", "last"])
def test_early_stopping_is_an_end(app: App, model: str) -> None:
    early = run(app, case="early", model=model)
    assert early.end["status"] == 200, app.console
    assert early.steps[-1] == (None, 1) and early.steps[-2][1] < 0.2
    assert len(early.models) == 1


def test_cross_validation(app: App) -> None:
    found = run(app, case="cv")
    assert found.steps == [(0, 0.25), (1, 0.5), (2, 0.75), (3, 0.999), (None, 1)]
    names = {"train-rmse-mean", "train-rmse-std", "test-rmse-mean", "test-rmse-std"}
    assert names < set(found.progress[0])
    assert found.models == []


def test_the_models_of_scikit_learn(app: App) -> None:
    found = run(app, case="sklearn")
    assert found.end["status"] == 200, app.console
    assert found.steps == [(0, 0.25), (1, 0.5), (2, 0.75), (3, 0.999), (None, 1)]
    assert "validation_0-rmse" in found.progress[0]


def test_an_unknown_number_of_rounds(app: App) -> None:
    found = run(app, case="unknown")
    assert found.steps == [(0, 0), (1, 0), (2, 0), (3, 0), (None, 1)]
    assert found.models == []


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
import json
import numpy as np
import xgboost
from xgboost.tracker import RabitTracker
from dubhe_sdk.integrations.xgboost import DubheCallback

PARAMS = {"max_depth": 2, "nthread": 1, "objective": "reg:squarederror", "seed": 0}

class Places(xgboost.callback.TrainingCallback):
    def after_iteration(self, model, epoch, evals_log):
        if rank == 0:
            wait_for_the_stop(ctx, f"{training} {epoch}")
        Path(f"rounds{training}{rank}").write_text(str(epoch + 1))
        return False

address = Path("tracker.json")
if sys.argv[1] == "0":
    tracker = RabitTracker(n_workers=2, host_ip="127.0.0.1")
    tracker.start()
    address.with_suffix(".new").write_text(json.dumps(tracker.worker_args()))
    address.with_suffix(".new").rename(address)
while not address.exists():
    time.sleep(0.01)
x = np.random.default_rng(0).random((64, 3))
y = x.sum(axis=1)
with xgboost.collective.CommunicatorContext(**json.loads(address.read_text())):
    rank = xgboost.collective.get_rank()
    data = xgboost.DMatrix(x[rank::2], y[rank::2])
    try:
        for training in ("whole", "stopped"):
            callbacks = [Places(), DubheCallback(ctx, rounds=4)]
            xgboost.train(PARAMS, data, 4, [(data, "train")], callbacks=callbacks)
    except dubhe_sdk.TaskStopped:
        Path(f"left{rank}").touch()
        raise
"""

ROUNDS = [(0, 0.25), (1, 0.5), (2, 0.75), (3, 0.999), (None, 1)]


def test_two_ranks_and_a_stop_of_theirs(tmp_path: Path) -> None:
    write_ranks(tmp_path, RANK, [[boost_python(), "rank.py", rank] for rank in "01"])
    app = stopped(tmp_path, LAUNCHES, at="stopped 1", python=boost_python())
    assert_ended_together(app, "rounds", ROUNDS)
