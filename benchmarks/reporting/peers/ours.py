"""This project, as an algorithm on the platform calls it."""

from __future__ import annotations

from collections.abc import Callable

import dubhe_sdk


def prepare(folder: str) -> Callable[[int], None]:
    """The environment names broker, topics, instance and spool."""
    context = dubhe_sdk.Context({})
    metrics = {"loss": 0.123456}

    def report(step: int) -> None:
        context.logProgressByBatch(1, step, 1_000_000, 0.5, metrics)

    return report
