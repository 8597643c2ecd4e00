"""Keras 3 on the platform, with each of its backends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.integrations.keras_environment import keras_python
from tests.integrations.support import WAIT, marks, models, run, started, steps, stopped

pytestmark = marks

APP = f"""{WAIT}
import keras
import numpy as np
import dubhe_sdk
from dubhe_sdk import ContextKey
from dubhe_sdk.integrations.keras import DubheCallback

class Places(keras.callbacks.Callback):
    def __init__(self, ctx):
        super().__init__()
        self.ctx, self.batches = ctx, 0

    def on_train_batch_end(self, batch, logs=None):
        if self.ctx.json_request.get("fails"):
            raise ValueError("bad batch")
        wait_for_the_stop(self.ctx, self.batches)
        self.batches += 1

    def on_test_batch_end(self, batch, logs=None):
        assert batch == 0 or not self.ctx.stopping, "a stop ends the validation"
        wait_for_the_stop(self.ctx, f"test {{batch}}")

def new_model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
    return model

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        x = np.random.default_rng(0).random((32, 3))
        self.x, self.y = x, x.sum(axis=1)

    @dubhe_sdk.train()
    def train(self, ctx):
        x, y, case = self.x, self.y, ctx.json_request.get("case", "train")
        start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH)
        model = keras.models.load_model(start) if start else new_model()
        callbacks = [Places(ctx), DubheCallback(ctx)]
        options = dict(batch_size=8, verbose=0, shuffle=False, callbacks=callbacks)
        if case == "early":
            callbacks.insert(0, keras.callbacks.EarlyStopping("loss", min_delta=100))
            model.fit(x, y, epochs=50, **options)
        elif case == "best":
            best = keras.callbacks.ModelCheckpoint("output/best.keras", save_best_only=True)
            rate = keras.callbacks.LearningRateScheduler(lambda epoch, rate: [0.1, 9.0][epoch])
            callbacks[:] = [rate, best, DubheCallback(ctx, best)]
            model.fit(x, y, epochs=2, validation_data=(x, y), **options)
            (kept,) = [keras.models.load_model(path) for path in Path("output").glob("*/model_*")]
            loss = kept.evaluate(x, y, verbose=0)[0]
            assert abs(loss - best.best) < 1e-6, "it is of the first epoch"
            assert model.evaluate(x, y, verbose=0)[0] > 2 * loss
        elif case == "unknown":
            batches = ((x[at:at + 8], y[at:at + 8]) for at in range(0, 32, 8))
            model.fit(batches, epochs=1, verbose=0, callbacks=callbacks)
        else:
            rate = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 / (1 + epoch))
            callbacks.insert(0, rate)
            first = ctx.get(ContextKey.KEY_PRETRAINED_EPOCH)
            model.fit(x, y, epochs=2, initial_epoch=first, validation_data=(x, y), **options)
        assert not start or model.optimizer.iterations == 8, "momentum and steps go on"
"""
BATCHES = [(0, number / 8) for number in (1, 2, 3, 4)] + [(1, n / 8) for n in (5, 6, 7)]
WHOLE = [*BATCHES[:4], (0, 0.5), *BATCHES[4:], (1, 0.999), (1, 0.999), (None, 1)]


@pytest.fixture(scope="module", params=["jax", "tensorflow", "torch"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, backend: str) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("keras")
    with started(folder, APP, keras_python(backend), KERAS_BACKEND=backend) as app:
        yield app


def test_a_training(app: App) -> None:
    found = run(app)
    assert found.end["status"] == 200, app.console
    assert found.steps == WHOLE
    assert set(found.progress[0]) == {"loss", "mae", "progress", "epoch"}
    epochs = [found.progress[4], found.progress[9]]
    names = {"loss", "mae", "val_loss", "val_mae", "learning_rate", "progress", "epoch"}
    assert set(epochs[0]) == names
    assert [one["learning_rate"] for one in epochs] == pytest.approx([0.1, 0.05])
    (model,) = found.models
    assert model.name.endswith(f"_1_{epochs[1]['val_loss']:.2f}.keras")


def test_early_stopping_is_an_end(app: App) -> None:
    early = run(app, case="early")
    assert early.end["status"] == 200, app.console
    assert early.steps[-1] == (None, 1) and early.steps[-2][1] < 0.2


def test_the_best_model(tmp_path: Path) -> None:
    with started(tmp_path, APP, keras_python("jax"), KERAS_BACKEND="jax") as app:
        found = run(app, case="best")
        assert found.end["status"] == 200, app.console
        (model,) = found.models
        assert model.name.endswith(f"_1_{found.progress[4]['val_loss']:.2f}.keras")


def test_an_unknown_length(app: App) -> None:
    found = run(app, case="unknown")
    assert found.end["status"] == 200, app.console
    assert found.steps == [*[(0, 0)] * 4, (0, 0.999), (None, 1)]


def test_a_failure_in_a_callback(app: App) -> None:
    found = run(app, fails=True)
    assert found.end["status"] == 300 and "ValueError: bad batch" in found.end["msg"]
    assert found.progress == [] and found.models == []


def test_a_stop_and_its_resumption(app: App, tmp_path: Path, backend: str) -> None:
    stop = stopped(tmp_path, APP, at=3, python=keras_python(backend), KERAS_BACKEND=backend)
    assert steps(stop) == WHOLE[:4]
    (model,) = models(stop)
    again = run(app, pretrained_model_path=str(model), pretrained_epoch=1)
    assert again.end["status"] == 200, app.console
    assert again.steps == WHOLE[5:]


def test_a_stop_while_validating(tmp_path: Path) -> None:
    stop = stopped(tmp_path, APP, at="test 0", python=keras_python("jax"), KERAS_BACKEND="jax")
    assert steps(stop) == WHOLE[:4]
    assert len(models(stop)) == 1
