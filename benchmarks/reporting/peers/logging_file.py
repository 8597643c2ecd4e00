"""A line of JSON through logging's rotating file handler."""

from __future__ import annotations

import json
import logging
import logging.handlers
from collections.abc import Callable
from pathlib import Path


def prepare(folder: str) -> Callable[[int], None]:
    """10 MB a file, as people set it."""
    handler = logging.handlers.RotatingFileHandler(
        Path(folder, "metrics.log"), maxBytes=10_000_000, backupCount=3
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("metrics")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False

    def report(step: int) -> None:
        logger.info("%s", json.dumps({"step": step, "loss": 0.123456}))

    return report
