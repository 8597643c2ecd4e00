"""PaddlePaddle's high-level interface on the platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.integrations.boost_environment import boost_python
from tests.integrations.support import (
    WAIT,
    assert_ended_together,
    marks,
    models,
    run,
    started,
    steps,
    stopped,
)

pytestmark = marks

APP = f"""{WAIT}
import signal
import numpy as np
import paddle
import dubhe_sdk
from dubhe_sdk.integrations.paddle import DubheCallback, load_pretrained

class Places(paddle.callbacks.Callback):
    def __init__(self, ctx):
        super().__init__()
        self.ctx, self.batches = ctx, 0

    def on_train_batch_end(self, step, logs=None):
        if self.ctx.json_request.get("fails"):
            raise ValueError("bad batch")
        wait_for_the_stop(self.ctx, self.batches)
        self.batches += 1

    def on_eval_batch_end(self, step, logs=None):
        wait_for_the_stop(self.ctx, f"eval {{step}}")

class Data(paddle.io.Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, index):
        x = np.float32([index, -index, 1]) / 32
        return x, np.int64([index % 2])

class Stream(paddle.io.IterableDataset):
    def __iter__(self):
        return (Data()[index] for index in range(32))

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        case = ctx.json_request.get("case", "train")
        paddle.seed(0)
        model = paddle.Model(paddle.nn.Linear(3, 2))
        schedule = paddle.optimizer.lr.StepDecay(0.1, 4, 0.5)
        optimizer = paddle.optimizer.Momentum(schedule, parameters=model.parameters())
        model.prepare(optimizer, paddle.nn.CrossEntropyLoss(), paddle.metric.Accuracy())
        if load_pretrained(ctx, model):
            assert any("velocity" in name for name in optimizer.state_dict())
        callbacks = [Places(ctx), DubheCallback(ctx)]
        options = dict(verbose=0, callbacks=callbacks, batch_size=8, shuffle=False)
        if case == "early":
            limits = dict(patience=1, baseline=0.0, verbose=0, save_best_model=False)
            early = paddle.callbacks.EarlyStopping("loss", **limits)
            model.fit(Data(), Data(), epochs=50, **{{**options, "callbacks": [*callbacks, early]}})
        elif case == "best":
            rises = paddle.optimizer.lr.LambdaDecay(0.1, lambda step: 1 if step < 4 else -9)
            optimizer.set_lr_scheduler(rises)
            early = paddle.callbacks.EarlyStopping("loss", patience=5, verbose=0)
            options["callbacks"] = [early, DubheCallback(ctx, early)]
            model.fit(Data(), Data(), epochs=2, save_dir="output/run", **options)
            kept = paddle.load(str(sorted(Path("output/models").glob("model_*"))[-1]))
            first = paddle.load("output/run/0.pdparams")
            assert all((kept[name] == first[name]).all() for name in ("weight", "bias"))
            assert (kept["weight"] != model.network.weight).any(), "those of the last epoch"
        elif case == "unknown":
            loader = paddle.io.DataLoader(Stream(), batch_size=8)
            model.fit(loader, epochs=2, verbose=0, callbacks=callbacks)
        else:
            model.fit(Data(), Data(), epochs=2, **options)
            model.evaluate(Data(), verbose=0, callbacks=callbacks)  # is none of the training's
        if case == "killed":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
"""
PARTS = [(0, number / 8) for number in (1, 2, 3, 4)] + [(1, n / 8) for n in (5, 6, 7)]
FIRST = [*PARTS[:4], (0, 0.5), (0, 0.5)]
WHOLE = [*FIRST, *PARTS[4:], *[(1, 0.999)] * 3, (None, 1)]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with started(tmp_path_factory.mktemp("paddle"), APP, boost_python()) as app:
        yield app


def test_a_training_and_its_continuation(app: App) -> None:
    found = run(app)
    assert found.end["status"] == 200, app.console
    assert found.steps == WHOLE
    batch, epoch, validation = found.progress[0], found.progress[4], found.progress[5]
    assert set(batch) == {"loss", "acc", "progress", "epoch"}
    assert set(epoch) == {"loss", "acc", "lr", "progress", "epoch"}
    assert set(validation) == {"eval_loss", "eval_acc", "progress", "epoch"}
    assert [found.progress[at]["lr"] for at in (4, 10)] == pytest.approx([0.1, 0.05])
    (model,) = found.models
    assert model.name.endswith(f"_1_{found.progress[-2]['eval_loss']:.2f}.pdparams")
    again = run(app, pretrained_model_path=str(model), pretrained_epoch=2)
    assert again.end["status"] == 200, app.console
    assert again.steps == [(None if at is None else at + 2, part) for at, part in WHOLE]
    assert again.models[0].name.split("_")[2] == "3"


def test_early_stopping_is_an_end(app: App) -> None:
    early = run(app, case="early")
    assert early.end["status"] == 200, app.console
    assert early.steps[-1] == (None, 1) and early.steps[-2][1] < 0.2


def test_the_best_model(app: App) -> None:
    found = run(app, case="best")
    assert found.end["status"] == 200, app.console
    (model,) = found.models
    assert model.name.endswith(f"_1_{found.progress[5]['eval_loss']:.2f}.pdparams")
    assert model.with_name(f"optimizer_{model.stem}.pdopt").exists()


def test_an_unknown_length(app: App) -> None:
    found = run(app, case="unknown")
    assert found.end["status"] == 200, app.console
    assert found.steps == [*[(0, 0)] * 4, (0, 0.5), *PARTS[4:], *[(1, 0.999)] * 2, (None, 1)]


def test_a_failure_in_a_callback(app: App) -> None:
    found = run(app, fails=True)
    assert found.end["status"] == 300 and "ValueError: bad batch" in found.end["msg"]
    assert found.progress == [] and found.models == []


def test_a_model_that_is_missing(app: App) -> None:
    found = run(app, pretrained_model_path="none.pdparams")
    assert "none.pdparams" in found.end["msg"]


@pytest.mark.parametrize("place", [1, "eval 0"])
def test_a_stop_and_its_resumption(app: App, tmp_path: Path, place: int | str) -> None:
    stop = stopped(tmp_path, APP, at=place, python=boost_python())
    assert steps(stop) == (FIRST[:2] if place == 1 else FIRST[:5])
    (model,) = models(stop)
    again = run(app, pretrained_model_path=str(model), pretrained_epoch=0)
    assert again.end["status"] == 200, app.console
    assert again.steps == WHOLE


def test_after_a_training_sigterm_is_the_sdk_s_again(app: App) -> None:  # the last: it ends all
    found = run(app, case="killed")
    assert found.steps[-1] == (None, 1)
    assert found.end["msg"].endswith("the task was stopped before its end")
    assert "Termination signal" not in app.console, "of Paddle, which ends the process by it"


RANKS = f"""{WAIT}
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        if "PADDLE_TRAINER_ID" not in os.environ:
            launch = ["-m", "paddle.distributed.launch", "--nproc_per_node=2", "--log_dir=logs"]
            subprocess.run([sys.executable, *launch, "app.py"], check=True)
            return
        import numpy as np
        import paddle
        from dubhe_sdk.integrations.paddle import DubheCallback

        class Data(paddle.io.Dataset):
            def __len__(self):
                return 32

            def __getitem__(self, index):
                return np.float32([index, -index, 1]) / 32, np.int64([index % 2])

        class Places(paddle.callbacks.Callback):
            batches = 0

            def on_train_batch_end(self, step, logs=None):
                if rank == 0:
                    wait_for_the_stop(ctx, f"{{training}} {{self.batches}}")
                self.batches += 1
                Path(f"batches{{training}}{{rank}}").write_text(str(self.batches))

        rank = paddle.distributed.get_rank()
        paddle.seed(rank)
        try:
            for training in ("whole", "stopped"):
                model = paddle.Model(paddle.nn.Linear(3, 2))
                optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
                model.prepare(optimizer, paddle.nn.CrossEntropyLoss(), paddle.metric.Accuracy())
                options = dict(epochs=2, batch_size=4, verbose=0, shuffle=False)
                model.fit(Data(), Data(), **options, callbacks=[Places(), DubheCallback(ctx)])
                np.save(f"weights{{rank}}.npy", model.network.weight.numpy())
        except dubhe_sdk.TaskStopped:
            Path(f"left{{rank}}").touch()
            raise
"""


def test_two_ranks_and_a_stop_of_theirs(tmp_path: Path) -> None:
    app = stopped(tmp_path, RANKS, at="stopped 1", python=boost_python())
    assert_ended_together(app, "batches", WHOLE)
    assert (tmp_path / "weights0.npy").read_bytes() == (tmp_path / "weights1.npy").read_bytes()
