"""Algorithms for the tests of the service."""

from __future__ import annotations

from typing import Any

from tests.dubhe_sdk.service.harness import TRAIN_ID

PROTOCOLS = ["tcp", "http"]


# Waits for files, so that a test decides what happens when.
TRAINING = """
import os, time
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        Path("constructed").write_text(str(os.getpid()))

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.logProgressByEpoch(1, 0.5, {"loss": 0.5})
        Path("training").write_text(str(os.getpid()))
        while not Path("go on").exists():
            time.sleep(0.01)
        ctx.logProgress(1)
"""


REPORTING = """
import dubhe_sdk
from dubhe_sdk import ContextKey

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        assert ctx.json_request == {}

    @dubhe_sdk.train()
    def train(self, ctx):
        assert ctx.get(ContextKey.KEY_DATA_PATHS) == ["/data/文"]
        assert ctx.get(ContextKey.KEY_SPLIT_RATE) == 0.1
        self.report(ctx)

    @dubhe_sdk.predict()
    def predict(self, ctx):
        self.report(ctx)

    def report(self, ctx):
        ctx.logProgress(0.125)
        for batch in range(2):
            ctx.logProgressByBatch(0, batch, 2, 0.25, {"loss": 0.5})
        ctx.logProgressByEpoch(0, 0.5, {"loss": 0.25, "accuracy": 1})
        ctx.logResultDetails("a.png", "A", "B", 0.5)
        ctx.logResultDetails("b.png", "A", "B", -1, "rectangle", [(1, 2, 3, 4, 0.5)])
        ctx.logResult({"own": True})
"""


def failed(what: str, instance_id: str = TRAIN_ID) -> dict[str, Any]:
    """Return ``data`` of the END after a failure."""
    return {"action": "END", "status": 300, "msg": f"{instance_id} current model error {what}"}


def app_with(constructor: str = "pass", train: str = "pass", top: str = "") -> str:
    """Return an app of a few lines."""
    return f"""
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path
import dubhe_sdk
{top}

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        {constructor}

    @dubhe_sdk.train()
    def train(self, ctx):
        {train}
"""
