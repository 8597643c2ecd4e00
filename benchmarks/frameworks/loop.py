"""One training in one framework: ``python -m benchmarks.frameworks.loop FRAMEWORK FOLDER ROUNDS``.

It answers one line: how long the batches took, and the reports of each contestant.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import dubhe_sdk
from benchmarks.frameworks.turns import OURS, PEERS, Turns
from benchmarks.stats import quantiles

WARM_UP = 5
BATCH = 32


def main() -> None:
    """Train, and tell."""
    framework, name, rounds = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries greet on stdout
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    folder = Path(name)
    os.chdir(folder)  # the model files go into the working directory
    turns = Turns(folder / "peers", WARM_UP)
    batches = (int(rounds) + WARM_UP) * (len(PEERS) + 1)
    FRAMEWORKS[framework](turns, folder, batches)
    calls = {name: quantiles(times) for name, times in turns.calls.items()}
    answer = {"batch_ns": quantiles(turns.batches), "calls_ns": calls, "rounds": turns.rounds}
    print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # what a library would still upload or wait for at its exit is not measured


def network() -> torch.nn.Sequential:
    """Return a small convolutional network."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(32, 10),
    )


def plain(turns: Turns, folder: Path, batches: int) -> None:
    """Train by a loop of its own."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    images, labels = torch.randn(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))
    context = dubhe_sdk.Context({})
    for batch in range(batches):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        metrics = {"loss": loss.item()}  # a loop that looks at its loss does this anyway
        progress = batch / batches

        def ours(batch: int = batch, progress: float = progress, metrics: Any = metrics) -> None:
            context.logProgressByBatch(1, batch, batches, progress, metrics)

        turns.report(ours)


def lightning(turns: Turns, folder: Path, batches: int) -> None:
    """Train by Lightning's trainer and our callback."""
    from lightning.pytorch import LightningModule, Trainer

    from dubhe_sdk.integrations.lightning import DubheCallback

    class Callback(DubheCallback):
        def on_train_batch_end(self, *arguments: Any) -> None:
            turns.report(lambda: DubheCallback.on_train_batch_end(self, *arguments))

    class Net(LightningModule):  # type: ignore[misc] # Lightning is not there to be checked
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def training_step(self, batch: Any, index: int) -> Any:
            images, labels = batch
            return torch.nn.functional.cross_entropy(self.net(images), labels)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    data = [(torch.randn(1, 28, 28), number % 10) for number in range(BATCH * 10)]
    loader = torch.utils.data.DataLoader(data, batch_size=BATCH)
    Trainer(
        max_steps=batches,
        callbacks=[Callback(dubhe_sdk.Context({}))],
        default_root_dir=str(folder),
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(Net(), loader)


def ultralytics(turns: Turns, folder: Path, batches: int) -> None:
    """Train a detector by Ultralytics and our callback."""
    from ultralytics import YOLO, settings

    from dubhe_sdk.integrations.ultralytics import DubheCallback
    from examples.ultralytics.prepare import prepare

    class Callback(DubheCallback):
        def on_train_batch_end(self, trainer: Any) -> None:
            turns.report(lambda: DubheCallback.on_train_batch_end(self, trainer))

    settings.update(dict.fromkeys(("wandb", "mlflow", "tensorboard"), False))  # its own use
    images = 64
    prepare(folder / "data", {"train": images, "val": 2})
    description = folder / "data.yaml"
    data = {"train": "data/train", "val": "data/val", "names": {0: "dent", 1: "scratch"}}
    description.write_text(json.dumps({"path": str(folder), **data}))
    model = YOLO("yolo11n.yaml")
    Callback(dubhe_sdk.Context({})).attach(model)
    model.train(
        data=str(description),
        epochs=-(-batches // (images // 2)),
        batch=2,
        imgsz=64,
        workers=0,
        val=False,
        plots=False,
        verbose=False,
        device="cpu",
        project=str(folder / "runs"),
    )


FRAMEWORKS: dict[str, Callable[[Turns, Path, int], None]] = {
    "plain": plain,
    "lightning": lightning,
    "ultralytics": ultralytics,
}

if __name__ == "__main__":
    assert OURS not in PEERS
    main()
