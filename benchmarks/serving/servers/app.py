"""This project, as an algorithm uses it."""

from __future__ import annotations

from typing import Any

import dubhe_sdk
from benchmarks.serving.servers.model import infer


@dubhe_sdk.pipeline()
class Model:
    """Serves the common model."""

    def __init__(self, ctx: dubhe_sdk.Context) -> None:
        pass

    @dubhe_sdk.inference()
    def inference(self, ctx: dubhe_sdk.Context) -> list[dict[str, Any]]:
        """Answer one request."""
        return infer(ctx.get(dubhe_sdk.ContextKey.KEY_IMAGE_NAMES))
