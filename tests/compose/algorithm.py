"""An algorithm in a folder of its own, as its author lays it out; it needs no package."""

from __future__ import annotations

from pathlib import Path

_APP = """
from pathlib import Path

import dubhe_sdk
from dubhe_sdk import ContextKey


@dubhe_sdk.pipeline()
class Stripes:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        [folder] = ctx.get(ContextKey.KEY_DATA_PATHS)
        images = sorted(Path(folder).rglob("*.png"))
        for batch in range(BATCHES):
            done = batch + 1
            ctx.logProgressByBatch(0, batch, BATCHES, done / BATCHES, {"loss": 1 / done})
            wait()
        Path(dubhe_sdk.model_path(ctx.get(ContextKey.KEY_OUTPUT_DIR), 0, 0.5)).write_text("stripes")
        for image in images:
            ctx.logResultDetails(str(image), image.parent.name, image.parent.name, 0.75)

    @dubhe_sdk.predict()
    def predict(self, ctx):
        self.train(ctx)

    @dubhe_sdk.inference()
    def inference(self, ctx):
        assert Path(ctx.get(ContextKey.ENV_MODEL_PATH)).read_text() == "stripes"
        names = ctx.get(ContextKey.KEY_IMAGE_NAMES)
        return [ctx.logResultDetails(name, "", "zebra", 0.75) for name in names]
"""
_STEADY = "BATCHES = 20\n\n\ndef wait():\n    pass\n"
LONG_BATCHES = 1200
# Long enough for a broker to restart meanwhile.
_WAITING = f"""
import time
BATCHES = {LONG_BATCHES}


def wait():
    deadline = time.monotonic() + 0.01
    while time.monotonic() < deadline:
        pass
"""


def own_algorithm(folder: Path, *, long: bool = False) -> dict[str, str]:
    """Make the folder, with images beside it, and return the variables that name both.

    Args:
        folder: to be made; it serves ``tcp``, as an algorithm does that says nothing.
        long: whether training has `LONG_BATCHES` batches and takes 12 seconds or more.
    """
    algorithm, data = folder / "stripes", folder / "images"
    algorithm.mkdir(parents=True)
    (algorithm / "app.py").write_text((_WAITING if long else _STEADY) + _APP)
    (algorithm / "Dockerfile").write_text("FROM dubhe-base\nCOPY . /app\n")
    for label in ("horse", "zebra"):
        (data / label).mkdir(parents=True)
        for number in range(3):
            (data / label / f"{number}.png").touch()
    return {"ALGORITHM_DIR": str(algorithm), "DATA_DIR": str(data)}
