"""MindSpore on the platform, on the processor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.integrations.boost_environment import mindspore_python
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
import numpy as np
import mindspore
from mindspore import nn
from mindspore.dataset import NumpySlicesDataset
import dubhe_sdk
from dubhe_sdk import ContextKey
from dubhe_sdk.integrations.mindspore import DubheCallback

class Places(mindspore.train.Callback):
    def __init__(self, ctx):
        self.ctx, self.steps, self.validations = ctx, 0, 0

    def on_train_step_end(self, run_context):
        if self.ctx.json_request.get("fails"):
            raise ValueError("bad step")
        wait_for_the_stop(self.ctx, self.steps)
        self.steps += 1

    def on_eval_step_end(self, run_context):
        assert self.validations == 0 or not self.ctx.stopping, "a stop ends the validation"
        wait_for_the_stop(self.ctx, f"eval {{self.validations}}")
        self.validations += 1

class Bf16(nn.MSELoss):
    def construct(self, logits, labels):
        return super().construct(logits, labels).astype(mindspore.bfloat16)

class Sink:
    # What stands for a device's queue of data: four steps are one event.
    def __init__(self, data):
        self.data = data

    def __iter__(self):
        yield [mindspore.Tensor(one) for one in next(self.data.create_tuple_iterator())]

    def sink_size(self):
        return 4

    def continue_send(self):
        pass

    stop_send = release = continue_send

class SinkModel(mindspore.train.Model):
    # On a processor MindSpore leaves sink mode out. This runs its own loop for it.
    def _exec_preprocess(self, dataset, **options):
        return Sink(dataset), self._train_network

    def _train_process(self, *arguments):
        mindspore.set_context(mode=mindspore.GRAPH_MODE)
        epoch, data, callbacks, params, first, validation = arguments
        self._train_dataset_sink_process(epoch, data, callbacks, params, -1, first, validation)

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        mindspore.set_device("CPU")
        mindspore.dataset.config.set_num_parallel_workers(1)
        self.x = np.random.default_rng(0).random((32, 3), np.float32)
        self.y = self.x.sum(1, keepdims=True)

    def data(self):
        return NumpySlicesDataset((self.x, self.y), ["x", "y"], shuffle=False).batch(8)

    def loss_of(self, network):
        return ((network(mindspore.Tensor(self.x)).asnumpy() - self.y) ** 2).mean()

    @dubhe_sdk.train()
    def train(self, ctx):
        case = ctx.json_request.get("case", os.environ.get("CASE", "train"))
        network = nn.Dense(3, 1)
        rates = nn.piecewise_constant_lr([4, 8], [0.1, 9.0 if case == "best" else 0.05])
        optimizer = nn.Momentum(network.trainable_params(), rates, 0.9)
        if start := ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH):
            values = mindspore.load_checkpoint(start)
            mindspore.load_param_into_net(network, values)
            missing, _ = mindspore.load_param_into_net(optimizer, values)
            assert not missing, missing
        loss = Bf16() if case == "bf16" else nn.MSELoss()
        metrics = {{"mae", "loss"}} if case == "best" else {{"mae"}}
        model = mindspore.train.Model(network, loss, optimizer, metrics=metrics)
        callbacks = [Places(ctx), DubheCallback(ctx)]
        if case == "sink":
            model = SinkModel(network, loss, optimizer)
            model.train(2, self.data(), callbacks=callbacks, dataset_sink_mode=True)
        elif case == "best":
            best = mindspore.train.EarlyStopping(
                "mae", patience=9, restore_best_weights=ctx.json_request["keeps"]
            )
            data = self.data(), self.data()
            model.fit(2, *data, callbacks=[best, DubheCallback(ctx, best)])
            (kept,) = Path("output").glob("*/model_*_1_*")
            last = self.loss_of(network)
            mindspore.load_param_into_net(network, mindspore.load_checkpoint(str(kept)))
            loss = self.loss_of(network)
            assert last > 2 * loss
            Path("kept").write_text(str(loss))
        elif case == "early":
            early = mindspore.train.EarlyStopping("mae", min_delta=1e9, patience=1)
            data = self.data(), self.data()
            model.fit(4, *data, callbacks=[early, DubheCallback(ctx)])
        elif case == "bf16":
            model.train(1, self.data(), callbacks=callbacks)
        else:
            first = ctx.get(ContextKey.KEY_PRETRAINED_EPOCH)
            data = self.data(), self.data()
            model.fit(2, *data, callbacks=callbacks, initial_epoch=first)
"""
BATCHES = [(0, number / 8) for number in (1, 2, 3, 4)] + [(1, n / 8) for n in (5, 6, 7)]
WHOLE = [*BATCHES[:4], (0, 0.5), *BATCHES[4:], (1, 0.999), (1, 0.999), (None, 1)]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with started(tmp_path_factory.mktemp("mindspore"), APP, mindspore_python()) as app:
        yield app


def test_a_training(app: App) -> None:
    found = run(app)
    assert found.end["status"] == 200, app.console
    assert found.steps == WHOLE
    assert set(found.progress[0]) == {"loss", "progress", "epoch"}
    epoch = found.progress[4]
    assert set(epoch) == {"loss", "learning_rate", "eval_loss", "mae", "progress", "epoch"}
    rates = [found.progress[at]["learning_rate"] for at in (4, 9)]
    assert rates == pytest.approx([0.1, 0.05])
    (model,) = found.models
    assert model.name.endswith(f"_1_{found.progress[9]['eval_loss']:.2f}.ckpt")


def test_an_early_end(app: App) -> None:
    found = run(app, case="early")
    assert found.end["status"] == 200, app.console
    *before, last = found.steps
    assert last == (None, 1)
    ended = before[-1][0]
    assert ended is not None and before[-1] == (ended, (ended + 1) / 4) and ended < 3
    assert [path.name.split("_")[2] for path in found.models] == [str(ended)]


def test_the_best_model(tmp_path: Path) -> None:
    with started(tmp_path, APP, mindspore_python()) as app:
        refused = run(app, case="best", keeps=False)
        assert refused.end["status"] == 300 and "which keeps none" in refused.end["msg"]
        found = run(app, case="best", keeps=True)
        assert found.end["status"] == 200, app.console
        (model,) = found.models
        assert model.name.split("_")[2] == "1"
        first = found.progress[4]
        kept = float((app.folder / "kept").read_text())
        assert first["eval_loss"] == pytest.approx(kept), "of all batches, and of the first epoch"
        assert first["loss"] == found.progress[3]["loss"], "of the training"


def test_losses_of_bfloat16(app: App) -> None:
    found = run(app, case="bf16")
    assert found.end["status"] == 200, app.console
    assert all(one["loss"] > 0 for one in found.progress[:4])


def test_sink_mode_has_one_event_for_an_epoch(app: App) -> None:
    found = run(app, case="sink")
    assert found.end["status"] == 200, app.console
    assert found.steps == [(0, 0.5), (0, 0.5), (1, 0.999), (1, 0.999), (None, 1)]
    assert all(one["loss"] > 0 for one in found.progress[:4])


def test_a_stop_in_sink_mode(tmp_path: Path) -> None:
    stop = stopped(tmp_path, APP, at=0, python=mindspore_python(), CASE="sink")
    assert steps(stop) == [(0, 0.5)]
    assert len(models(stop)) == 1


def test_a_failure_in_a_callback(app: App) -> None:
    found = run(app, fails=True)
    assert found.end["status"] == 300 and "ValueError: bad step" in found.end["msg"]
    assert found.progress == [] and found.models == []


@pytest.mark.parametrize("place", [2, "eval 0"])
def test_a_stop_and_its_resumption(app: App, tmp_path: Path, place: int | str) -> None:
    stop = stopped(tmp_path, APP, at=place, python=mindspore_python())
    assert steps(stop) == WHOLE[: 3 if place == 2 else 4]
    (model,) = models(stop)
    again = run(app, pretrained_model_path=str(model), pretrained_epoch=1)
    assert again.end["status"] == 200, app.console
    assert again.steps == WHOLE[5:]


RANK = """
import mindspore
import numpy as np
from mindspore import nn
from mindspore.dataset import NumpySlicesDataset

mindspore.set_device("CPU")
mindspore.communication.init()  # what msrun starts as scheduler stays here
from dubhe_sdk.integrations.mindspore import DubheCallback

mindspore.set_auto_parallel_context(
    parallel_mode=mindspore.ParallelMode.DATA_PARALLEL, gradients_mean=True
)
mindspore.dataset.config.set_num_parallel_workers(1)
rank = mindspore.communication.get_rank()

class Places(mindspore.train.Callback):
    steps = 0

    def on_train_step_end(self, run_context):
        if rank == 0:
            wait_for_the_stop(ctx, f"{training} {self.steps}")
        self.steps += 1
        Path(f"steps{training}{rank}").write_text(str(self.steps))

x = np.random.default_rng(0).random((64, 3), np.float32)
columns = (x, x.sum(1, keepdims=True)), ["x", "y"]

def new_data():
    return NumpySlicesDataset(*columns, shuffle=False, num_shards=2, shard_id=rank).batch(8)

try:
    for training in ("whole", "stopped"):
        network = nn.Dense(3, 1, weight_init="ones")
        optimizer = nn.Momentum(network.trainable_params(), 0.1, 0.9)
        model = mindspore.train.Model(network, nn.MSELoss(), optimizer, metrics={"mae"})
        model.fit(2, new_data(), new_data(), callbacks=[Places(), DubheCallback(ctx)])
        np.save(f"weights{rank}.npy", network.weight.asnumpy())
except dubhe_sdk.TaskStopped:
    Path(f"left{rank}").touch()
    raise
"""


def test_two_ranks_and_a_stop_of_theirs(tmp_path: Path) -> None:
    python = mindspore_python()
    port = f"--master_port={private_ports(1)[0]}"
    msrun = ["--worker_num=2", "--local_worker_num=2", port, "--join=True", "--log_dir=logs"]
    module = "mindspore.parallel.cluster.run"
    write_ranks(tmp_path, RANK, [[python, "-m", module, *msrun, "rank.py"]])
    app = stopped(tmp_path, LAUNCHES, at="stopped 1", python=python)
    assert_ended_together(app, "steps", WHOLE)
    assert (tmp_path / "weights0.npy").read_bytes() == (tmp_path / "weights1.npy").read_bytes()
