"""BentoML with batches, one worker; started by its own command, see `main`."""

from __future__ import annotations

import os
import sys
from typing import Any

import bentoml

from benchmarks.serving.servers.batched_model import MOST, infer

# Beyond this it refuses; its optimizer learns the rest by itself.
_LATENCY_MS = 60_000


@bentoml.service(workers=1, traffic={"timeout": 120, "max_concurrency": 2048})
class Service:
    """Serves the model."""

    @bentoml.api(
        route="/predict/multiple",
        batchable=True,
        max_batch_size=MOST,
        max_latency_ms=_LATENCY_MS,
    )
    def predict(self, image_names: list[str]) -> list[dict[str, Any]]:
        """Answer what has come: the lists of several requests, one behind the other."""
        return [{"flag": 1, "data": result} for result in infer(image_names)]


def main() -> None:
    """Become `bentoml serve`."""
    target = "benchmarks.serving.servers.batched_bentoml:Service"
    arguments = ["-m", "bentoml", "serve", target, "--host", "127.0.0.1", "--port", sys.argv[1]]
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main()
