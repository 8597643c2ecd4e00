"""CatBoost on the platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.integrations.boost_environment import boost_python
from tests.integrations.support import WAIT, marks, models, run, started, steps, stopped

pytestmark = marks

APP = f"""{WAIT}
import catboost
import numpy as np
import dubhe_sdk
from dubhe_sdk import ContextKey
from dubhe_sdk.integrations.catboost import DubheCallback

OPTIONS = dict(depth=2, thread_count=1, verbose=0, allow_writing_files=False, random_seed=0)

class Places:
    def __init__(self, ctx):
        self.ctx = ctx

    def after_iteration(self, info):
        if self.ctx.json_request.get("fails"):
            raise ValueError("bad iteration")
        wait_for_the_stop(self.ctx, info.iteration)
        return True

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        x = np.random.default_rng(0).random((64, 3))
        self.x, self.y = x, x.sum(axis=1)

    @dubhe_sdk.train()
    def train(self, ctx):
        case = ctx.json_request.get("case", "train")
        options = {{"n_estimators": 500}} if case == "early" else {{"iterations": 4}}
        model = catboost.CatBoostRegressor(**OPTIONS, **options, custom_metric=["MAE"])
        with DubheCallback(ctx, model) as dubhe:
            callbacks = [Places(ctx), dubhe]
            if case == "blind":  # as on a GPU
                model.fit(self.x, self.y)
            elif case == "early":
                data = dict(eval_set=(self.x, self.y[::-1]), early_stopping_rounds=2)
                model.fit(self.x, self.y, callbacks=callbacks, **data)
            else:
                start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None
                data = dict(eval_set=(self.x, self.y), init_model=start)
                model.fit(self.x, self.y, callbacks=callbacks, **data)
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with started(tmp_path_factory.mktemp("catboost"), APP, boost_python()) as app:
        yield app


def test_a_training_and_its_continuation(app: App) -> None:
    first = run(app)
    assert first.end["status"] == 200, app.console
    assert first.steps == [(0, 0.25), (1, 0.5), (2, 0.75), (3, 0.999), (None, 1)]
    names = {"learn RMSE", "learn MAE", "validation RMSE", "validation MAE"}
    assert set(first.progress[0]) == {*names, "progress", "epoch"}
    (model,) = first.models
    assert model.name.endswith(f"_3_{first.progress[3]['validation RMSE']:.2f}.cbm")
    again = run(app, pretrained_model_path=str(model), pretrained_epoch=4)
    assert again.steps == [(4, 0.25), (5, 0.5), (6, 0.75), (7, 0.999), (None, 1)]
    assert again.progress[0]["learn RMSE"] < first.progress[3]["learn RMSE"]
    assert again.models[0].name.split("_")[2] == "7"


def test_early_stopping_is_an_end(app: App) -> None:
    early = run(app, case="early")
    assert early.end["status"] == 200, app.console
    assert early.steps[-1] == (None, 1) and early.steps[-2][1] < 0.2
    assert len(early.models) == 1


def test_without_callbacks_as_on_a_gpu(app: App) -> None:
    found = run(app, case="blind")
    assert found.steps == [(None, 1)]
    assert found.models[0].name.endswith("_3_0.00.cbm")


def test_a_failure_in_a_callback(app: App) -> None:
    found = run(app, fails=True)
    assert found.end["status"] == 300 and "ValueError: bad iteration" in found.end["msg"]
    assert found.progress == [] and found.models == []


def test_a_stop_and_its_resumption(app: App, tmp_path: Path) -> None:
    stop = stopped(tmp_path, APP, at=2, python=boost_python())
    assert steps(stop) == [(0, 0.25), (1, 0.5)]
    (model,) = models(stop)
    again = run(app, pretrained_model_path=str(model), pretrained_epoch=2)
    assert again.end["status"] == 200, app.console
    assert again.steps[0] == (2, 0.25)
