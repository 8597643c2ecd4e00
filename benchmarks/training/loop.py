"""A real PyTorch loop in blocks, with and without a report after every batch.

``python -m benchmarks.training.loop WARM_UP_BLOCKS PAIRS``; the environment names the spool and, by
``FRAME_BYTES``, how much one report writes. It answers one line: the seconds of each pair of
blocks, without reports and with them, and how long each report took; beside it, from blocks of
their own between the pairs, how long a bare ``os.write`` of as many bytes took there.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable

import torch

import dubhe_sdk
from benchmarks.stats import quantiles

BATCHES = 10
BATCH = 32


def main() -> None:
    """Train a small convolutional network on noise; which block comes first is drawn by lot."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(32, 10),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    images = torch.randn(BATCH, 1, 28, 28)
    labels = torch.randint(0, 10, (BATCH,))
    context = dubhe_sdk.Context({})

    calls: list[int] = []
    writes: list[int] = []
    frame = bytes(int(os.environ["FRAME_BYTES"]))

    def report(index: int, loss: float) -> None:
        called = time.perf_counter_ns()
        context.logProgressByBatch(1, index, BATCHES, 0.5, {"loss": loss})
        calls.append(time.perf_counter_ns() - called)

    def write(_: int, __: float) -> None:
        called = time.perf_counter_ns()
        os.write(file, frame)
        writes.append(time.perf_counter_ns() - called)

    def block(after_batch: Callable[[int, float], None] | None) -> float:
        start = time.perf_counter()
        for index in range(BATCHES):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            value = loss.item()  # a loop that looks at its loss does this anyway
            if after_batch is not None:
                after_batch(index, value)
        return time.perf_counter() - start

    context.logProgress(0)  # makes the spool, on whose file system the bare write shall be
    with tempfile.TemporaryFile(dir=os.environ["DUBHE_TEMPORARY"], buffering=0) as bare:
        file = bare.fileno()
        for _ in range(int(sys.argv[1])):
            block(report)
            block(write)
        calls.clear()
        writes.clear()
        pairs = []
        for _ in range(int(sys.argv[2])):
            if random.random() < 0.5:
                without = block(None)
                with_reports = block(report)
            else:
                with_reports = block(report)
                without = block(None)
            pairs.append((without, with_reports))
            block(write)
    answer = {"pairs": pairs, "batches": BATCHES, "torch": torch.__version__}
    in_calls = sum(calls) / 1e9 / sum(with_reports for _, with_reports in pairs)
    figures = {"in_calls": in_calls, "ns": quantiles(calls), "write_ns": quantiles(writes)}
    print(json.dumps({**answer, **figures}))


if __name__ == "__main__":
    main()
