"""The model of the section ``batching``: 2 ms a call and 0.2 ms an image, off the interpreter."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.serving.servers.model import RESULT

CALL_SECONDS = 2e-3
IMAGE_SECONDS = 2e-4
MOST = 16
WAIT_SECONDS = 5e-3


def infer(images: list[str]) -> list[list[dict[str, Any]]]:
    """Return a result for each image, as a GPU would: the interpreter lock is free meanwhile."""
    time.sleep(CALL_SECONDS + IMAGE_SECONDS * len(images))
    return [RESULT] * len(images)
