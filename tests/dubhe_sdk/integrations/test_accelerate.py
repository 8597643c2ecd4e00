"""Accelerate on the platform: a tracker in a loop of one's own."""

from __future__ import annotations

from pathlib import Path

from tests.integrations.support import WAIT, marks, progress_of, steps, stopped, trained

pytestmark = marks

APP = f"""{WAIT}
import dubhe_sdk
import torch
from accelerate import Accelerator
from dubhe_sdk.integrations.accelerate import DubheTracker
from torch.utils.data import DataLoader, TensorDataset

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        if os.environ.get("RANKS") and "WORLD_SIZE" not in os.environ:
            return launch_ranks()
        loader = DataLoader(TensorDataset(torch.randn(32, 4)), batch_size=8)
        length = len(loader) // int(os.environ.get("WORLD_SIZE", "1"))
        tracker = DubheTracker(ctx, steps=2 * length, steps_per_epoch=length)
        accelerator = Accelerator(cpu=True, log_with=tracker)
        net = torch.nn.Linear(4, 1)
        net, optimizer, loader = accelerator.prepare(net, torch.optim.SGD(net.parameters()), loader)
        accelerator.init_trackers("training", config={{"rate": 0.1}})
        step = 0
        for epoch in range(2):
            for (x,) in loader:
                loss = net(x).pow(2).mean()
                accelerator.backward(loss)
                optimizer.step()
                accelerator.log({{"loss": loss.item(), "step": step}}, step=step)
                if os.environ.get("STOPS_AT") == str(step):
                    accelerator.wait_for_everyone()  # so that both have done the step before
                wait_for_the_stop(ctx, step)
                ends_here = tracker.should_stop(step)
                step += 1
                if ends_here:
                    Path(f"left{{accelerator.process_index}}").write_text(str(step))
                    accelerator.save_state("output/state")
                    accelerator.end_training()
                    return
        accelerator.end_training()
"""


def test_a_training(tmp_path: Path) -> None:
    app = trained(tmp_path, APP)
    assert app.ends()[0]["status"] == 200, app.console
    eighths = [((number - 1) // 4, number / 8) for number in range(1, 8)]
    assert steps(app) == [*eighths, (1, 0.999), (None, 1)]
    assert set(progress_of(app)[0]) == {"loss", "progress", "epoch"}


def test_a_stop(tmp_path: Path) -> None:
    app = stopped(tmp_path, APP, at=2)
    assert steps(app)[-1] == (0, 0.375)
    assert any((tmp_path / "output" / "state").iterdir())


def test_ranks(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, RANKS="1")
    assert app.ends()[0]["status"] == 200, app.console
    # Each rank has half of the batches.
    assert steps(app) == [(0, 0.25), (0, 0.5), (1, 0.75), (1, 0.999), (None, 1)]


def test_a_stop_of_ranks(tmp_path: Path) -> None:
    app = stopped(tmp_path, APP, at=1, RANKS="1")
    # One more than one rank: the other one may have begun it before it could know of the stop.
    assert steps(app) == [(0, 0.25), (0, 0.5), (1, 0.75)], app.console
    assert [(tmp_path / f"left{rank}").read_text() for rank in range(2)] == ["3", "3"]
    assert any((tmp_path / "output" / "state").iterdir())
