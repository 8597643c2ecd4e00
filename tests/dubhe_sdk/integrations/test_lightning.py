"""Lightning on the platform: its own trainer, loops and checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integrations.support import WAIT, marks, models, progress_of, steps, stopped, trained

pytestmark = marks

APP = f"""{WAIT}
import warnings
warnings.filterwarnings("ignore")
import dubhe_sdk
import lightning
import torch
from dubhe_sdk import ContextKey
from dubhe_sdk.integrations.lightning import DubheCallback
from lightning.pytorch.callbacks import EarlyStopping, WeightAveraging
from torch.utils.data import DataLoader, TensorDataset

class Net(lightning.LightningModule):
    def __init__(self, ctx):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
        self.ctx = ctx
        self.number = 0

    def training_step(self, batch, index):
        if os.environ.get("FAILS"):
            raise ValueError("bad batch")
        if self.trainer.world_size > 1 and os.environ.get("STOPS_AT") == str(self.number):
            self.trainer.strategy.barrier()  # so that both have counted the batch before
        if self.global_rank == 0:
            wait_for_the_stop(self.ctx, self.number)
        self.number += 1
        loss = self.layer(batch[0]).pow(2).mean()
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, index):
        checks = self.trainer.sanity_checking
        if os.environ.get("AVERAGES"):
            torch.save(self.state_dict(), "validated.pt")
        wait_for_the_stop(self.ctx, "check" if checks else f"validation{{self.current_epoch}}")
        self.log("val_loss", self.layer(batch[0]).pow(2).mean(), sync_dist=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.01)

class Endless(torch.utils.data.IterableDataset):
    def __iter__(self):
        for _ in range(2):
            yield (torch.randn(8, 4),)

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        data = DataLoader(TensorDataset(torch.randn(32, 4)), batch_size=8)
        if os.environ.get("ENDLESS"):
            data = DataLoader(Endless(), batch_size=None)
        callbacks, epochs = [DubheCallback(ctx)], 2
        if os.environ.get("ENDS_EARLY"):
            early = EarlyStopping("val_loss", min_delta=1e9, patience=1)
            callbacks, epochs = [*callbacks, early], 4
        if os.environ.get("AVERAGES"):
            callbacks.append(WeightAveraging())
        ranks = int(os.environ.get("RANKS", "1"))
        trainer = lightning.Trainer(
            max_epochs=epochs, accelerator="cpu", devices=ranks, logger=False,
            strategy="ddp" if ranks > 1 else "auto", enable_progress_bar=False,
            enable_model_summary=False, default_root_dir="output", callbacks=callbacks,
            accumulate_grad_batches=2,
        )
        start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None
        held_out = DataLoader(TensorDataset(torch.randn(24, 4)), batch_size=8)
        try:
            trainer.fit(Net(ctx), data, held_out, ckpt_path=start)
        except dubhe_sdk.TaskStopped:
            if os.environ.get("AVERAGES"):
                (path,) = Path("output/models").glob("model_*")
                saved = torch.load(path, weights_only=False)["state_dict"]["layer.weight"]
                validated = torch.load("validated.pt")["layer.weight"]
                Path("same").write_text(str(torch.equal(saved, validated)))
            raise
        if ranks > 1:
            trainer.strategy.barrier()
"""
WHOLE = [(0, 0.125), (0, 0.25), (0, 0.375), (0, 0.5), (0, 0.5)]
WHOLE += [(1, 0.625), (1, 0.75), (1, 0.875), (1, 0.999), (1, 0.999), (None, 1)]


def test_a_training(tmp_path: Path) -> None:
    app = trained(tmp_path, APP)
    assert app.ends()[0]["status"] == 200, app.console
    assert steps(app) == WHOLE
    batch, epoch = progress_of(app)[0], progress_of(app)[4]
    assert set(batch) == {"loss", "progress", "epoch"}
    assert set(epoch) == {"train_loss", "val_loss", "lr-SGD", "progress", "epoch"}
    (model,) = models(app)
    assert model.name.split("_")[2] == "1" and model.suffix == ".ckpt"
    assert not (tmp_path / "checkpoints").exists(), "nothing is in the working directory"


def test_a_length_that_is_not_known_and_an_early_end(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, ENDLESS="1", ENDS_EARLY="1")
    assert app.ends()[0]["status"] == 200, app.console
    expected = [(0, 0), (0, 0), (0, 0.25), (1, 0.375), (1, 0.5), (1, 0.5), (None, 1)]
    assert steps(app) == expected, "EarlyStopping ended it after half of the epochs"
    assert [path.name.split("_")[2] for path in models(app)] == ["1"]


def test_a_stop_and_its_resumption(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at=5)
    assert steps(app) == WHOLE[:7]
    (model,) = models(app)
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)})
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again) == WHOLE[7:], "it goes on after the batch"


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_stop_in_a_validation_and_its_resumption(tmp_path: Path, epoch: int) -> None:
    app = stopped(tmp_path / "first", APP, at=f"validation{epoch}", AVERAGES="1")
    before = 4 + 5 * epoch
    assert steps(app) == WHOLE[:before]
    assert (tmp_path / "first" / "same").read_text() == "True", "the mean weights are saved as such"
    (model,) = models(app)
    assert model.name.split("_")[2] == str(epoch)
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)}, AVERAGES="1")
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again) == WHOLE[before:], "the rest of the epoch is its validation"


def test_a_stop_in_the_check_before_the_training(tmp_path: Path) -> None:
    app = stopped(tmp_path, APP, at="check")
    assert steps(app) == [] and models(app) == []


def test_a_failure(tmp_path: Path) -> None:
    (end,) = trained(tmp_path, APP, FAILS="1").ends()
    assert end["status"] == 300 and "ValueError: bad batch" in end["msg"]


@pytest.mark.parametrize("stops", [False, True])
def test_ranks(tmp_path: Path, stops: bool) -> None:
    app = stopped(tmp_path, APP, at=2, RANKS="2") if stops else trained(tmp_path, APP, RANKS="2")
    expected = [(0, 0.25), (0, 0.5), (0, 0.5), (1, 0.75), (1, 0.999)]
    if not stops:  # else the second rank has begun the last batch before it can know of the stop
        expected += [(1, 0.999), (None, 1)]
    assert steps(app) == expected, app.console
    assert len(models(app)) == 1
