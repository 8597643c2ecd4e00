"""Trainings with many metrics, as the page's tests store them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from tests.page.store import SaidMessage, task

EPOCHS = 20
LONG = "grad_norm/backbone.layer4.2.bottleneck.downsample.conv3.batch_norm.weight"
NAMES = ("loss", "lr", "train/loss", "train/accuracy", "val/loss", "val/accuracy", LONG)


def value(name: str, epoch: int, number: int) -> float:
    """What run ``number`` reports of a metric: no two runs the same."""
    return math.exp(-epoch / 8) * (1 + NAMES.index(name) / 10) + 0.05 * number


def training(number: int, names: Iterable[str] = NAMES) -> Iterator[SaidMessage]:
    yield task("START")
    for epoch in range(1, EPOCHS + 1):
        metrics = {name: value(name, epoch, number) for name in names}
        yield "alg_model_progress", 2, {**metrics, "progress": epoch / EPOCHS, "epoch": epoch}
    yield task("END")
