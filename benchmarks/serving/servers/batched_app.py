"""This project, with a method that takes batches of ``BENCH_BATCH``, or single requests if 1."""

from __future__ import annotations

import os
from typing import Any

import dubhe_sdk
from benchmarks.serving.servers.batched_model import infer

MOST = int(os.environ["BENCH_BATCH"])


@dubhe_sdk.pipeline()
class Model:
    """Serves the model."""

    def __init__(self, ctx: dubhe_sdk.Context) -> None:
        pass

    if MOST > 1:

        @dubhe_sdk.inference(max_batch_size=MOST)
        def batch(self, contexts: list[dubhe_sdk.Context]) -> list[Any]:
            """Answer what has come."""
            return infer([ctx.get(dubhe_sdk.ContextKey.KEY_IMAGE_NAMES)[0] for ctx in contexts])

    else:

        @dubhe_sdk.inference()
        def single(self, ctx: dubhe_sdk.Context) -> Any:
            """Answer one request."""
            return infer(ctx.get(dubhe_sdk.ContextKey.KEY_IMAGE_NAMES))[0]
