"""MMEngine on the platform: its own runner, loops and checkpoints."""

from __future__ import annotations

from pathlib import Path

from tests.integrations.support import (
    WAIT,
    marks,
    models,
    progress_of,
    results_of,
    steps,
    stopped,
    trained,
)

pytestmark = marks

APP = f"""{WAIT}
import dubhe_sdk
import torch
from dubhe_sdk import ContextKey
from dubhe_sdk.integrations.mmengine import DubheHook
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, InstanceData
from torch.utils.data import DataLoader, TensorDataset

os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # as the guide says, to resume

class Net(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def forward(self, x, mode):
        if mode == "loss":
            return {{"loss": self.layer(x).pow(2).mean()}}
        sample = BaseDataElement(metainfo={{"img_path": "a.png"}})
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor([[0., 0., 8., 8.]]), labels=torch.tensor([1]),
        )
        sample.pred_instances = InstanceData(
            bboxes=torch.tensor([[0., 0., 8., 7.], [20., 20., 30., 30.]]),
            labels=torch.tensor([1, 0]), scores=torch.tensor([0.9, 0.1]),
        )
        return [sample]

class Images(TensorDataset):
    metainfo = {{"classes": ("dent", "scratch")}}

class Count(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(len(data_samples))

    def compute_metrics(self, results):
        return {{"count": sum(results)}}

class Waits(Hook):
    def __init__(self, ctx):
        self.ctx = ctx

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if os.environ.get("FAILS"):
            raise ValueError("bad batch")
        if os.environ.get("RANKS") and os.environ.get("STOPS_AT") == str(runner.iter):
            torch.distributed.barrier()  # so that both have counted the batch before
        wait_for_the_stop(self.ctx, runner.iter)

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        if os.environ.get("RANKS") and "WORLD_SIZE" not in os.environ:
            return launch_ranks()
        start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH)
        net = Net()
        if os.environ.get("RANKS"):  # MMEngine's own initialization wants GPUs
            torch.distributed.init_process_group("gloo")
            net = MMDistributedDataParallel(net)
        loader = DataLoader(Images(torch.randn(32, 4)), batch_size=8)
        counts = {{"by_epoch": True, "max_epochs": 2, "val_interval": 1}}
        if os.environ.get("ITERATIONS"):
            counts = {{"by_epoch": False, "max_iters": 4, "val_interval": 4}}
        count = Evaluator(Count())
        evaluates = {{"val_dataloader": loader, "val_evaluator": count, "val_cfg": {{}}}}
        tests = {{name.replace("val_", "test_", 1): value for name, value in evaluates.items()}}
        runner = Runner(
            net, work_dir="output/run", train_dataloader=loader, train_cfg=counts,
            optim_wrapper={{"optimizer": {{"type": "SGD", "lr": 0.01}}}}, **evaluates, **tests,
            default_hooks={{"logger": None}},
            custom_hooks=[Waits(ctx), DubheHook(ctx)], load_from=start or None, resume=bool(start),
            experiment_name="run", launcher="pytorch" if os.environ.get("RANKS") else "none",
        )
        runner.train()
        if os.environ.get("TESTS"):
            runner.test()
"""
WHOLE = [(0, 0.125), (0, 0.25), (0, 0.375), (0, 0.5), (0, 0.5), (0, 0.5)]
WHOLE += [(1, 0.625), (1, 0.75), (1, 0.875), (1, 0.999), (1, 0.999), (1, 0.999), (None, 1)]


def test_a_training(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, TESTS="1")
    assert app.ends()[0]["status"] == 200, app.console
    assert steps(app)[: len(WHOLE)] == WHOLE
    batch, epoch, validation = progress_of(app)[0], progress_of(app)[4], progress_of(app)[5]
    assert set(batch) == {"loss", "progress", "epoch"}
    assert set(epoch) == {"lr", "progress", "epoch"}
    assert set(validation) == {"count", "progress", "epoch"}
    assert steps(app)[-1] == (None, 1), "of the test"
    (model,) = models(app)
    assert model.suffix == ".pth" and model.name.split("_")[2] == "1"
    images = results_of(app)
    assert len(images) == 4 + 4, "of the last validation, and of the test"
    (entry,) = images[0]["info"]
    assert (entry["ground_true"], entry["predict_code"]) == ("scratch", "scratch")
    assert entry["position"] == [[0.0, 0.0], [8.0, 7.0]]


def test_iterations(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, ITERATIONS="1")
    assert app.ends()[0]["status"] == 200, app.console
    assert [progress for _, progress in steps(app)] == [0.25, 0.5, 0.75, 0.999, 0.999, 1]
    assert set(progress_of(app)[4]) == {"count", "lr", "progress", "epoch"}, "of the validation"
    images = results_of(app)
    assert len(images) == 4, "of the last validation"
    assert images[0]["info"][0]["predict_code"] == "scratch"


def test_a_stop_and_its_resumption(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at=5)
    assert steps(app) == WHOLE[:8]
    (model,) = models(app)
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)})
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again) == WHOLE[6:], "the epoch is repeated"


def test_a_failure(tmp_path: Path) -> None:
    (end,) = trained(tmp_path, APP, FAILS="1").ends()
    assert end["status"] == 300 and "ValueError: bad batch" in end["msg"]


def test_ranks(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, RANKS="1")
    assert app.ends()[0]["status"] == 200, app.console
    assert steps(app)[-1] == (None, 1)
    assert len(steps(app)) == len(WHOLE), "one rank reports"
    assert len(models(app)) == 1


def test_a_stop_of_ranks_and_its_resumption(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at=5, RANKS="1")
    # One more than one rank: the other one may have begun it before it could know of the stop.
    assert steps(app) == WHOLE[:9], app.console
    (model,) = models(app)
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)})
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again) == WHOLE[6:], "the epoch is repeated"
