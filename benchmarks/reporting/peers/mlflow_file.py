"""MLflow with its file store: `log_metric`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import mlflow


def prepare(folder: str) -> Callable[[int], None]:
    """The fluent interface, a run of its own."""
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(Path(folder, "mlruns").as_uri())
    mlflow.start_run()

    def report(step: int) -> None:
        mlflow.log_metric("loss", 0.123456, step)

    return report
