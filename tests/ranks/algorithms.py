"""Algorithms that train with two ranks, by the launchers that people use."""

from __future__ import annotations

# Waits after a step that every rank has done, so that a stop comes in the middle.
_STEPS = """
import os, subprocess, sys, time
from pathlib import Path
import dubhe_sdk
import torch
import torch.distributed as dist

def train_steps(ctx):
    rank = dist.get_rank()
    try:
        for step in range(4):
            total = torch.ones(1) * (rank + 1)
            dist.all_reduce(total)
            ctx.logProgressByEpoch(step, step / 4, {"total": total.item(), "rank": rank})
            if step == 1 and os.environ.get("FAILS") == str(rank):
                raise ValueError("bad rank")
            if step == 1 and os.environ.get("WAITS"):
                Path(f"waits-{rank}").write_text("1")
                time.sleep(600)
        ctx.logResult({"rank": rank})
    except dubhe_sdk.TaskStopped:
        Path(f"saved-{rank}").touch()
        raise
"""

TORCHRUN_IN_THE_METHOD = f"""{_STEPS}
@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        self.ctx = ctx

    @dubhe_sdk.train()
    def train(self, ctx):
        if "WORLD_SIZE" not in os.environ:
            torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
            subprocess.run([*torchrun, "app.py"], check=True)
            return
        dist.init_process_group("gloo")
        try:
            train_steps(self.ctx)
        finally:
            dist.destroy_process_group()
"""

ALL_RANKS = TORCHRUN_IN_THE_METHOD.replace("@dubhe_sdk.train()", "@dubhe_sdk.train(all_ranks=True)")

# For `torchrun app.py` in run.sh: one process group for all trainings.
IN_RUN_SH = f"""{_STEPS}
@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        dist.init_process_group("gloo")

    @dubhe_sdk.train()
    def train(self, ctx):
        train_steps(ctx)
"""

ACCELERATE = IN_RUN_SH.replace(
    'dist.init_process_group("gloo")',
    "from accelerate import Accelerator; self.accelerator = Accelerator(cpu=True)",
)

LIGHTNING = f"""{_STEPS}
import lightning

class Net(lightning.LightningModule):
    def __init__(self, ctx):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
        self.ctx = ctx

    def training_step(self, batch, index):
        rank = self.global_rank
        self.ctx.logProgressByBatch(self.current_epoch, index, 4, index / 4, {{"rank": rank}})
        if index == 1 and os.environ.get("FAILS") == str(rank):
            raise ValueError("bad rank")
        if index == 1 and os.environ.get("WAITS"):
            Path(f"waits-{{rank}}").write_text("1")
            time.sleep(600)
        return self.layer(batch[0]).pow(2).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): pass

    @dubhe_sdk.train()
    def train(self, ctx):
        data = torch.utils.data.TensorDataset(torch.randn(64, 4))
        trainer = lightning.Trainer(
            max_epochs=1, accelerator="cpu", devices=2, strategy="ddp", logger=False,
            enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
        )
        try:
            trainer.fit(Net(ctx), torch.utils.data.DataLoader(data, batch_size=8))
        except dubhe_sdk.TaskStopped:
            Path(f"saved-{{trainer.global_rank}}").touch()
            raise
        ctx.logResult({{"rank": trainer.global_rank}})
        trainer.strategy.barrier()  # what comes after the end of rank 0's method is dropped
"""
