"""The algorithm of these tests: what it does is in its business parameters."""

from __future__ import annotations

APP = """
import time
from pathlib import Path

import dubhe_sdk
from dubhe_sdk import ContextKey


@dubhe_sdk.pipeline()
class Net:
    def __init__(self, ctx):
        self.given = ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}

    @dubhe_sdk.train()
    def train(self, ctx):
        count = self.given.get("count", 200)
        for number in range(count):
            ctx.logProgressByBatch(0, number, count, (number + 1) / count, {"number": number})
        Path(dubhe_sdk.model_path(ctx.get(ContextKey.KEY_OUTPUT_DIR), 0, 0.0)).write_text("model")
        if self.given.get("fail"):
            raise ValueError("the labels do not fit the images")
        ctx.log("everything is reported")
        while self.given.get("hold"):
            time.sleep(0.05)

    @dubhe_sdk.predict()
    def predict(self, ctx):
        model = Path(ctx.get(ContextKey.ENV_MODEL_PATH)).read_text()
        for path in ctx.get(ContextKey.KEY_DATA_PATHS):
            ctx.logResult({"number": f"{model}: {path}"})

    @dubhe_sdk.inference()
    def infer(self, ctx):
        time.sleep(self.given.get("seconds", 0.0))
        return [{"img_path": name} for name in ctx.get(ContextKey.KEY_IMAGE_NAMES)]
"""

FILES = {
    "app.py": APP,
    "run.sh": 'export protocol="http"\npython3 -u app.py\n',
    "Dockerfile": "FROM dubhe-base\nCOPY . /app\n",
}
