"""Accelerate on the platform: a tracker in a loop of one's own."""

from __future__ import annotations

from pathlib import Path

from tests.integrations.support import WAIT, marks, run, started, steps, stopped, trained

pytestmark = marks

APP = f"""{WAIT}
import dubhe_sdk
import torch
from dubhe_sdk import ContextKey
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
        whole = None if ctx.json_request.get("endless") else 2 * length
        tracker = DubheTracker(ctx, steps=whole, steps_per_epoch=length)
        accumulates = ctx.json_request.get("accumulates", 1)
        accelerator = Accelerator(
            cpu=True, log_with=tracker, gradient_accumulation_steps=accumulates
        )
        net = torch.nn.Linear(4, 1)
        weight = net.weight  # ranks get the model wrapped
        net, optimizer, loader = accelerator.prepare(net, torch.optim.SGD(net.parameters()), loader)
        accelerator.init_trackers("training", config={{"rate": 0.1}})
        step = changed = 0
        if start := ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH):
            accelerator.load_state(start)
            step = int(Path(start, "step").read_text())
        while step < 2 * length:
            for (x,) in accelerator.skip_first_batches(loader, step % length):
                if ctx.json_request.get("fails") and step == 2:
                    raise ValueError("bad batch")
                with accelerator.accumulate(net):
                    before = weight.clone()
                    loss = net(x).pow(2).mean()
                    accelerator.backward(loss)
                    optimizer.step()
                    optimizer.zero_grad()
                    changed += not torch.equal(weight, before)
                accelerator.log({{"loss": loss.item(), "step": step}}, step=step)
                if os.environ.get("STOPS_AT") == str(step):
                    accelerator.wait_for_everyone()  # so that both have done the step before
                wait_for_the_stop(ctx, step)
                ends_here = tracker.should_stop(step)
                step += 1
                if ends_here:
                    Path(f"left{{accelerator.process_index}}").write_text(str(step))
                    accelerator.save_state("output/state")
                    Path("output/state/step").write_text(str(step))
                    accelerator.end_training()
                    return
        accelerator.end_training()
        assert start or changed == 2 * length // accumulates, "steps of the optimizer"
"""


EIGHTHS = [((number - 1) // 4, number / 8) for number in range(1, 8)]
WHOLE = [*EIGHTHS, (1, 0.999), (None, 1)]


def test_a_failure_and_a_resumption(tmp_path: Path) -> None:
    stop = stopped(tmp_path / "first", APP, at=2)
    assert steps(stop) == WHOLE[:3]
    state = tmp_path / "first" / "output" / "state"
    with started(tmp_path / "again", APP) as app:
        resumed = run(app, pretrained_model_path=str(state))
        assert resumed.end["status"] == 200, app.console
        assert resumed.steps == WHOLE[3:]
        failed = run(app, fails=True)
        assert failed.end["status"] == 300 and "ValueError: bad batch" in failed.end["msg"]
        assert failed.steps == WHOLE[:2]
        endless = run(app, endless=True)
        assert endless.end["status"] == 200, app.console
        assert endless.steps == [*((epoch, 0) for epoch in (0,) * 4 + (1,) * 4), (None, 1)]
        whole = run(app)
        assert whole.steps == WHOLE
        assert set(whole.progress[0]) == {"loss", "progress", "epoch"}
        accumulated = run(app, accumulates=2)
        assert accumulated.end["status"] == 200, app.console
        assert accumulated.steps == WHOLE, "batches count, not steps of the optimizer"


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
