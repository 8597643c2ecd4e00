"""Who reports the batch that has just ended: one contestant after the other, in one training."""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Callable
from pathlib import Path

OURS = "ours"
BARE = "os.write"
PEERS = {
    BARE: "bare_write",
    "wandb": "wandb_offline",
    "swanlab": "swanlab_local",
    "mlflow": "mlflow_file",
    "tensorboard": "tensorboard_x",
}


class Turns:
    """Has each batch reported by one contestant, and keeps how long that took.

    Args:
        folder: for what the peers write.
        warm_up: rounds that are not counted.
    """

    def __init__(self, folder: Path, warm_up: int) -> None:
        self._peers: dict[str, Callable[[int], None]] = {}
        for name, module in PEERS.items():
            (folder / name).mkdir(parents=True)
            peer = importlib.import_module(f"benchmarks.reporting.peers.{module}")
            self._peers[name] = peer.prepare(str(folder / name))
        self._warm_up = warm_up
        self._round = 0
        self._left: list[str] = []
        self._ended = 0
        self.calls: dict[str, list[int]] = {name: [] for name in (OURS, *PEERS)}
        self.batches: list[int] = []

    @property
    def rounds(self) -> int:
        """How many rounds have been counted; in each, every contestant has one batch."""
        return len(self.calls[OURS])

    def report(self, ours: Callable[[], object]) -> None:
        """Report the batch that has just ended.

        Args:
            ours: reports by this project.
        """
        began = time.perf_counter_ns()
        if not self._left:
            self._round += 1
            self._left = list(self.calls)
            random.shuffle(self._left)
        counted = self._round > self._warm_up
        if counted and self._ended:
            self.batches.append(began - self._ended)
        name = self._left.pop()
        if name == OURS:
            begin = time.perf_counter_ns()
            ours()
            end = time.perf_counter_ns()
        else:
            peer = self._peers[name]
            begin = time.perf_counter_ns()
            peer(self._round)
            end = time.perf_counter_ns()
        if counted:
            self.calls[name].append(end - begin)
        self._ended = time.perf_counter_ns()
