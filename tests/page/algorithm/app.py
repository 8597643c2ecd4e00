"""Learns nothing, but says everything that the page can show, at a pace that tests choose."""

import itertools
import threading
from pathlib import Path

import dubhe_sdk
from dubhe_sdk import Context, ContextKey

BATCHES = 10
BOX = (20, 10, 60, 50)  # x1, y1, x2, y2 in an image of 100 x 80
# Points of each kind of shape, in the same image, and what is said beside it. A circle is its
# centre and a point on it.
SHAPES = {
    "rectangle": ([[6, 8], [26, 24]], None),
    "polygon": ([[40, 8], [60, 14], [52, 30], [36, 26]], {"depth_mm": 1.5}),
    "circle": ([[80, 20], [80, 30]], "looks like a bubble"),
    "line": ([[8, 44], [30, 60]], ""),
    "linestrip": ([[40, 46], [52, 66], [64, 46]], None),
    "point": ([[84, 56]], None),
}
pace = threading.Event()


@dubhe_sdk.pipeline()
class Plates:
    def __init__(self, ctx: Context):
        params = ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}
        self.epochs = params.get("epochs", 3)
        self.pause = params.get("pause", 0.01)

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        params = ctx.json_request.get("special_params") or {}
        epochs, pause = params.get("epochs", self.epochs), params.get("pause", self.pause)
        # Until a test says so by a file, whose text is then how many steps there were.
        until = Path(params["until"]) if "until" in params else None
        steps = range(epochs * BATCHES) if until is None else itertools.count()
        ctx.log("a warning is next")
        for step in steps:
            if until is not None and until.exists():
                until.write_text(str(step))
                break
            epoch, batch = divmod(step, BATCHES)
            loss = {5: float("nan"), 6: float("inf")}.get(step, 1 / (1 + step))
            progress = min(1.0, (step + 1) / (epochs * BATCHES))
            metrics = {"loss": loss, "accuracy": 1 - 1 / (2 + step)}
            metrics |= dict.fromkeys(params.get("metrics", []), step + 1)
            ctx.logProgressByBatch(epoch, batch, BATCHES, progress, metrics)
            pace.wait(pause)
        path = Path(dubhe_sdk.model_path(ctx.get(ContextKey.KEY_OUTPUT_DIR), epochs, 0.1))
        path.write_text("nothing was learned")

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        images = sorted(Path(ctx.get(ContextKey.KEY_DATA_PATHS)[0]).rglob("*.png"))
        if (ctx.json_request.get("special_params") or {}).get("shapes"):
            ctx.logResult([shapes_in(images[0])])
            return
        for number, image in enumerate(images):
            truth, predicted = ("dent", "hole") if number == 1 else ("dent", "dent")
            ctx.logResultDetails(
                str(image), truth, predicted, -1, "rectangle", [(*BOX, 0.9 - 0.2 * number)]
            )
        ctx.logProgress(1.0)

    @dubhe_sdk.inference()
    def inference(self, ctx: Context):
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        names = ctx.get(ContextKey.KEY_IMAGE_NAMES)
        reply = []
        for name in names:
            reply += ctx.logResultDetails(
                str(folder / name), "", "dent", 0.8, "rectangle", [(*BOX, 0.8)]
            )
        return reply


def shapes_in(image: Path):
    """Say one prediction of each shape, each of a class of its own."""
    info = [
        {
            "ground_true": shape,
            "predict_code": shape,
            "conf": 0.9,
            "shape_type": shape,
            "position": points,
            "special": special,
        }
        for shape, (points, special) in SHAPES.items()
    ]
    return {"img_path": str(image), "bbox_cnt": len(info), "info": info}
