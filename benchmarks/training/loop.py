"""A real PyTorch loop in blocks, with and without a report after every batch.

``python -m benchmarks.training.loop WARM_UP_BLOCKS PAIRS``; the environment names the spool. It
answers one line: the seconds of each pair of blocks, without reports and with them, and how long
each report took.
"""

from __future__ import annotations

import json
import random
import sys
import time

import torch

import dubhe_sdk
from benchmarks.stats import quantiles

BATCHES = 10
BATCH = 32


def main() -> None:
    """Train a small convolutional network on noise; which block comes first is drawn by lot."""
    calls: list[int] = []
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

    def block(report: bool) -> float:
        start = time.perf_counter()
        for index in range(BATCHES):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            value = loss.item()  # a loop that looks at its loss does this anyway
            if report:
                called = time.perf_counter_ns()
                context.logProgressByBatch(1, index, BATCHES, 0.5, {"loss": value})
                calls.append(time.perf_counter_ns() - called)
        return time.perf_counter() - start

    for _ in range(int(sys.argv[1])):
        block(True)
    calls.clear()
    pairs = []
    for _ in range(int(sys.argv[2])):
        if random.random() < 0.5:
            without = block(False)
            with_reports = block(True)
        else:
            with_reports = block(True)
            without = block(False)
        pairs.append((without, with_reports))
    answer = {"pairs": pairs, "batches": BATCHES, "torch": torch.__version__}
    in_calls = sum(calls) / 1e9 / sum(with_reports for _, with_reports in pairs)
    print(json.dumps({**answer, "in_calls": in_calls, "ns": quantiles(calls)}))


if __name__ == "__main__":
    main()
