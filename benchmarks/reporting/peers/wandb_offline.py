"""Weights & Biases, offline: `log`."""

from __future__ import annotations

from collections.abc import Callable

import wandb


def prepare(folder: str) -> Callable[[int], None]:
    """Offline: nothing leaves the machine; a process of its own writes the file."""
    run = wandb.init(
        mode="offline",
        dir=folder,
        project="bench",
        settings=wandb.Settings(console="off", x_disable_stats=True, silent=True),
    )

    def report(step: int) -> None:
        run.log({"loss": 0.123456})

    return report
