"""MMEngine on the platform: its own runner, loops and checkpoints."""

from __future__ import annotations

from pathlib import Path

from tests.integrations.support import (
    WAIT,
    marks,
    models,
    places,
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
from dubhe_sdk.integrations.mmengine import DubheHook, report_samples
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import EarlyStoppingHook, EMAHook, Hook
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from torch.utils.data import DataLoader, TensorDataset

os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # as the guide says, to resume

class Net(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def forward(self, x, mode):
        if mode == "loss":
            return {{"loss": self.layer(x).pow(2).mean()}}
        if os.environ.get("PADDED"):
            return [self.sample(f"{{int(image[0])}}.png") for image in x]
        return [self.sample("a.png")]

    def sample(self, path):
        sample = BaseDataElement(metainfo={{"img_path": path}})
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor([[0., 0., 8., 8.]]), labels=torch.tensor([1]),
        )
        sample.pred_instances = InstanceData(
            bboxes=torch.tensor([[0., 0., 8., 7.], [20., 20., 30., 30.]]),
            labels=torch.tensor([1, 0]), scores=torch.tensor([0.9, 0.1]),
        )
        if os.environ.get("TESTS"):
            sample.pred_instances.masks = torch.zeros(2, 16, 16, dtype=torch.bool)
            sample.pred_instances.masks[0, 0:7, 0:8] = True
        return sample

class Stream(torch.utils.data.IterableDataset):
    # Whose length nobody knows.
    def __iter__(self):
        return ((torch.randn(4),) for _ in range(16))

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

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        torch.save(runner.model.state_dict(), "validated.pth")
        wait_for_the_stop(self.ctx, f"validation{{runner.iter}}")

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
            interval = int(os.environ["ITERATIONS"])
            counts = {{"by_epoch": False, "max_iters": 4, "val_interval": interval}}
            loader = DataLoader(Stream(), batch_size=8)
        hooks = [Waits(ctx), DubheHook(ctx)]
        if os.environ.get("AVERAGES"):
            hooks.append(EMAHook())
        if os.environ.get("ENDS_EARLY"):
            counts["max_epochs"] = 4
            hooks.append(EarlyStoppingHook("count", rule="greater", patience=1))
        count = Evaluator(Count())
        held_out = DataLoader(Images(torch.randn(32, 4)), batch_size=8)
        if os.environ.get("PADDED"):  # 3 images for 2 ranks
            images = Images(torch.tensor([[0.], [1.], [2.]]).expand(3, 4))
            held_out = DataLoader(images, sampler=DefaultSampler(images, shuffle=False))
        evaluates = {{"val_dataloader": held_out, "val_evaluator": count, "val_cfg": {{}}}}
        tests = {{name.replace("val_", "test_", 1): value for name, value in evaluates.items()}}
        runner = Runner(
            net, work_dir="output/run", train_dataloader=loader, train_cfg=counts,
            optim_wrapper=dict(
                optimizer=dict(type="SGD", lr=0.01),
                accumulative_counts=int(os.environ.get("ACCUMULATES", 1)),
            ),
            **evaluates, **tests,
            default_hooks={{"logger": None}},
            custom_hooks=hooks, load_from=start or None, resume=bool(start),
            experiment_name="run", launcher="pytorch" if os.environ.get("RANKS") else "none",
        )
        try:
            runner.train()
        except dubhe_sdk.TaskStopped:
            if os.environ.get("AVERAGES"):
                validated = torch.load("validated.pth")["layer.weight"]
                saved = torch.load("output/run/stopped.pth", weights_only=False)["state_dict"]
                Path("same").write_text(str(torch.equal(saved["layer.weight"], validated)))
            raise
        if os.environ.get("TESTS"):
            runner.test()
        if os.environ.get("TESTS") and not os.environ.get("RANKS"):
            label = BaseDataElement(metainfo={{"img_path": "l.png"}})  # as MMPretrain's DataSample
            label.set_field(torch.tensor([1]), "gt_label", dtype=torch.Tensor)
            label.set_field(torch.tensor([0]), "pred_label", dtype=torch.Tensor)
            label.set_field(torch.tensor([0.75, 0.25]), "pred_score", dtype=torch.Tensor)
            report_samples(ctx, [label], ["wall", "road"])
            segments = BaseDataElement(metainfo={{"img_path": "s.png"}})
            logits = torch.zeros(2, 4, 4)
            logits[1, :, :2] = 1
            segments.pred_sem_seg = PixelData(data=logits.argmax(0, keepdim=True))
            segments.gt_sem_seg = segments.pred_sem_seg.clone()
            segments.seg_logits = PixelData(data=logits)
            report_samples(ctx, [segments], ["wall", "road"])
"""
WHOLE = [(0, 0.125), (0, 0.25), (0, 0.375), (0, 0.5), (0, 0.5), (0, 0.5)]
WHOLE += [(1, 0.625), (1, 0.75), (1, 0.875), (1, 0.999), (1, 0.999), (1, 0.999), (None, 1)]


def test_a_training(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, TESTS="1")
    assert app.ends()[0]["status"] == 200, app.console
    assert steps(app) == [*WHOLE, (1, 1)], "the test's metrics come after progress 1"
    batch, epoch, validation = progress_of(app)[0], progress_of(app)[4], progress_of(app)[5]
    assert set(batch) == {"loss", "progress", "epoch"}
    assert set(epoch) == {"lr", "progress", "epoch"}
    assert set(validation) == {"count", "progress", "epoch"}
    assert set(progress_of(app)[-1]) == {"count", "progress", "epoch"}, "of the test"
    (model,) = models(app)
    assert model.suffix == ".pth" and model.name.split("_")[2] == "1"
    *images, label, segments = results_of(app)
    assert len(images) == 4 + 4, "of the last validation, and of the test"
    (entry,) = images[0]["info"]
    assert (entry["ground_true"], entry["predict_code"]) == ("scratch", "scratch")
    assert entry["position"] == [[0, 0], [8, 0], [8, 7], [0, 7]], "its mask"
    classified = {"ground_true": "road", "predict_code": "wall", "conf": 0.75}
    assert label == {"img_path": "l.png", "info": [classified]}
    rows = [(one["ground_true"], one["predict_code"], one["conf"]) for one in segments["info"]]
    assert rows == [("wall", "wall", 0.5), ("road", "road", 0.7311)]
    assert segments["info"][1]["position"] == [[0, 0], [2, 0], [2, 4], [0, 4]]


def test_an_early_end_with_accumulated_gradients(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, ENDS_EARLY="1", ACCUMULATES="2")
    assert app.ends()[0]["status"] == 200, app.console
    expected = [(epoch, progress / 2) for epoch, progress in WHOLE[:9]]
    expected += [(1, 0.5), (1, 0.5), (1, 0.5), (None, 1)]
    assert steps(app) == expected, "EarlyStoppingHook ended it after half of the epochs"
    assert [path.name.split("_")[2] for path in models(app)] == ["1"]
    assert len(results_of(app)) == 4, "of the validation that turned out to be the last"


def test_iterations_of_a_length_that_is_not_known(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, ITERATIONS="4")
    assert app.ends()[0]["status"] == 200, app.console
    assert [progress for _, progress in steps(app)] == [0.25, 0.5, 0.75, 0.999, 0.999, 1]
    assert set(progress_of(app)[4]) == {"count", "lr", "progress", "epoch"}, "of the validation"
    assert places(app, "loss") == ["0/4", "1/4", "2/4", "3/4"]
    assert places(app, "count") == ["3/4"]
    images = results_of(app)
    assert len(images) == 4, "of the last validation"
    assert images[0]["info"][0]["position"] == [[0.0, 0.0], [8.0, 7.0]]


def test_a_stop_and_its_resumption(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at=5)
    assert steps(app) == WHOLE[:8]
    (model,) = models(app)
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)})
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again) == WHOLE[6:], "the epoch is repeated"


def test_a_stop_in_a_validation_and_its_resumption(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at="validation4", AVERAGES="1")
    assert steps(app) == WHOLE[:5]
    assert (tmp_path / "first" / "same").read_text() == "True", "the mean weights are saved as such"
    (model,) = models(app)
    assert model.name.split("_")[2] == "0"
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)}, AVERAGES="1")
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again) == WHOLE[6:], "the validation is left out"


def test_a_stop_in_a_validation_between_iterations(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at="validation2", ITERATIONS="2")
    assert [progress for _, progress in steps(app)] == [0.25, 0.5]
    (model,) = models(app)
    request = {"pretrained_model_path": str(model)}
    again = trained(tmp_path / "again", APP, request, ITERATIONS="2")
    assert again.ends()[0]["status"] == 200, again.console
    assert [progress for _, progress in steps(again)] == [0.75, 0.999, 0.999, 1]


def test_a_failure(tmp_path: Path) -> None:
    (end,) = trained(tmp_path, APP, FAILS="1").ends()
    assert end["status"] == 300 and "ValueError: bad batch" in end["msg"]


def test_ranks(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, RANKS="1")
    assert app.ends()[0]["status"] == 200, app.console
    assert steps(app)[-1] == (None, 1)
    assert len(steps(app)) == len(WHOLE), "one rank reports"
    assert len(models(app)) == 1


def test_a_test_of_ranks_reports_each_image_once(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, RANKS="1", TESTS="1", PADDED="1")
    assert app.ends()[0]["status"] == 200, app.console
    assert steps(app) == [*WHOLE, (1, 1)], "one rank reports progress"
    paths = sorted(image["img_path"] for image in results_of(app))
    # Of the last validation and the test; to the second rank the sampler gave the first one, too.
    assert paths == ["0.png", "0.png", "1.png", "1.png", "2.png", "2.png"]


def test_a_stop_of_ranks_and_its_resumption(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at=5, RANKS="1")
    # One more than one rank: the other one may have begun it before it could know of the stop.
    assert steps(app) == WHOLE[:9], app.console
    (model,) = models(app)
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)})
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again) == WHOLE[6:], "the epoch is repeated"
