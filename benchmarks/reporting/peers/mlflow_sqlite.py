"""MLflow with a SQLite store: `log_metric`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mlflow


def prepare(folder: str) -> Callable[[int], None]:
    """The fluent interface, a run of its own in a database of its own."""
    mlflow.set_tracking_uri(f"sqlite:///{Path(folder, 'mlflow.db')}")
    mlflow.start_run()

    def report(step: int) -> None:
        mlflow.log_metric("loss", 0.123456, step)

    return report
