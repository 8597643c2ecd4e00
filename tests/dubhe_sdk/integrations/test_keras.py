"""Keras 3 on the platform, with each of its backends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.integrations.keras_environment import keras_python
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
        elif case == "several":
            model.compile(keras.optimizers.SGD(0.1), "mse", steps_per_execution=3)
            model.fit(x, y, epochs=2, validation_data=(x, y), **options)
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


def test_several_steps_in_one_execution(app: App, backend: str) -> None:
    found = run(app, case="several")
    if backend == "torch":
        assert "`steps_per_execution` must be 1 with the PyTorch backend" in found.end["msg"]
        return
    assert found.end["status"] == 200, app.console
    assert found.steps == [
        *[(0, 0.375), (0, 0.5), (0, 0.5)],
        *[(1, 0.875), (1, 0.999), (1, 0.999), (None, 1)],
    ]


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


RANK = """
import keras
import numpy as np
from dubhe_sdk.integrations.keras import DubheCallback

backend = keras.backend.backend()
if backend == "torch":  # data-parallel by hand: Keras has no distribution for it
    import torch.distributed as dist
    dist.init_process_group("gloo")
    rank = dist.get_rank()
else:  # Keras' own
    rank = int(sys.argv[2])
    keras.distribution.initialize(sys.argv[1], 2, rank)
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))

class Places(keras.callbacks.Callback):
    batches = 0

    def on_train_batch_end(self, batch, logs=None):
        if rank == 0:
            wait_for_the_stop(ctx, f"{training} {self.batches}")
        self.batches += 1
        Path(f"batches{training}{rank}").write_text(str(self.batches))

def average(parameter):
    dist.all_reduce(parameter.grad)
    parameter.grad /= 2

x = np.random.default_rng(0).random((32, 3))[rank::2]
y = x.sum(axis=1)
try:
    for training in ("whole", "stopped"):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        if backend == "torch":
            for variable in model.trainable_variables:
                dist.broadcast(variable.value.data, 0)
                variable.value.register_post_accumulate_grad_hook(average)
        options = dict(epochs=2, batch_size=4, verbose=0, validation_data=(x, y))
        model.fit(x, y, **options, callbacks=[Places(), DubheCallback(ctx)])
        np.save(f"weights{rank}.npy", np.asarray(model.get_weights()[0]))
except dubhe_sdk.TaskStopped:
    Path(f"left{rank}").touch()
    raise
"""


def ranks(folder: Path, backend: str) -> Path:
    """Write an algorithm of two ranks; return its interpreter."""
    python = keras_python(backend)
    if backend == "torch":
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        write_ranks(folder, RANK, [[python, *torchrun, "rank.py"]])
    else:
        address = f"127.0.0.1:{private_ports(1)[0]}"
        write_ranks(folder, RANK, [[python, "rank.py", address, rank] for rank in "01"])
    return python


@pytest.mark.parametrize("parallel", ["jax", "torch"])
def test_two_ranks_and_a_stop_of_theirs(tmp_path: Path, parallel: str) -> None:
    python = ranks(tmp_path, parallel)
    app = stopped(tmp_path, LAUNCHES, at="stopped 1", python=python, KERAS_BACKEND=parallel)
    assert_ended_together(app, "batches", WHOLE)
    assert (tmp_path / "weights0.npy").read_bytes() == (tmp_path / "weights1.npy").read_bytes()
