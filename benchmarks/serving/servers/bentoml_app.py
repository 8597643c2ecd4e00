"""BentoML, one worker; started by its own command, see `main`."""

from __future__ import annotations

import os
import sys
from typing import Any

import bentoml

from benchmarks.serving.servers import model


@bentoml.service(workers=1, traffic={"timeout": 120, "max_concurrency": 2048})
class Service:
    """Serves the common model."""

    @bentoml.api(route="/predict/multiple")
    def predict(self, image_names: list[str]) -> dict[str, Any]:
        """Answer one request."""
        return {"flag": 1, "data": model.infer(image_names)}


def main() -> None:
    """Become `bentoml serve`."""
    target = "benchmarks.serving.servers.bentoml_app:Service"
    arguments = ["-m", "bentoml", "serve", target, "--host", "127.0.0.1", "--port", sys.argv[1]]
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main()
