"""Finds dents and scratches on metal plates with Ultralytics YOLO: one class per kind of task."""

from pathlib import Path

import yaml
from ultralytics import YOLO

import dubhe_sdk
from dubhe_sdk import Context, ContextKey
from dubhe_sdk.integrations.ultralytics import DubheCallback, report_results

CLASSES = ["dent", "scratch"]
SETTINGS = {"imgsz": 160, "batch": 8, "workers": 0, "plots": False, "verbose": False}
TRAINING = {"epochs": 30, "optimizer": "AdamW", "lr0": 0.003, "warmup_epochs": 1, "mosaic": 0.0}


@dubhe_sdk.pipeline()
class Trainer:
    """Learns from images with YOLO labels; ``special_params`` has Ultralytics' own arguments."""

    def __init__(self, ctx: Context):
        self.arguments = ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH)
        # From its description: nothing is downloaded. Better: weights that lie beside app.py.
        model = YOLO(start or "yolo11n.yaml")
        DubheCallback(ctx).attach(model)
        held_out = ctx.get(ContextKey.KEY_VERIFY_PATHS) or ctx.get(ContextKey.KEY_DATA_PATHS)
        data = write_dataset(ctx, ctx.get(ContextKey.KEY_DATA_PATHS), held_out)
        arguments = {**SETTINGS, **TRAINING, **self.arguments}
        model.train(data=data, resume=bool(start), **arguments)


@dubhe_sdk.pipeline()
class Evaluator:
    """Reports each image of a labelled set: what was found, missed, and found where nothing is."""

    def __init__(self, ctx: Context):
        self.model = YOLO(ctx.get(ContextKey.ENV_MODEL_PATH))

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        DubheCallback(ctx).attach(self.model)
        paths = ctx.get(ContextKey.KEY_DATA_PATHS)
        self.model.val(data=write_dataset(ctx, paths, paths), **SETTINGS)


@dubhe_sdk.pipeline()
class Inspector:
    """Answers at once for a few images. What is really on them is not known."""

    def __init__(self, ctx: Context):
        self.model = YOLO(ctx.get(ContextKey.ENV_MODEL_PATH))

    @dubhe_sdk.inference()
    def inference(self, ctx: Context):
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        paths = [str(folder / name) for name in ctx.get(ContextKey.KEY_IMAGE_NAMES)]
        return report_results(ctx, self.model(paths, imgsz=SETTINGS["imgsz"], verbose=False))


def write_dataset(ctx, train, held_out):
    """Write the description of a data set that Ultralytics reads; return its path."""
    path = Path(ctx.get(ContextKey.KEY_TMP_DIR), "data.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    names = dict(enumerate(ctx.get(ContextKey.KEY_CODE_LIST) or CLASSES))
    path.write_text(yaml.safe_dump({"train": train, "val": held_out, "names": names}))
    return str(path)
