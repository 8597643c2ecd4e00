"""Says the backlog into a spool: ``python -m benchmarks.delivery.fill COUNT``."""

from __future__ import annotations

import sys

import dubhe_sdk
from benchmarks.delivery.record import BATCHES


def main() -> None:
    """Two metrics a message; the environment names the spool."""
    context = dubhe_sdk.Context({})
    metrics = {"loss": 0.123456, "accuracy": 0.987}
    for index in range(int(sys.argv[1])):
        context.logProgressByBatch(1, index % BATCHES, BATCHES, 0.5, metrics)


if __name__ == "__main__":
    main()
