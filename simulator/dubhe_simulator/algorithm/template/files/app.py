"""Learns to tell images apart. Start it with `bash run.sh`; play it with `dubhe play`.

One class, three methods: that is all the platform needs. What it learns with is a softmax
regression in plain Python, so that it runs anywhere; put your own network in its place.
"""

import json
import random
from pathlib import Path

import dubhe_sdk
from dubhe_sdk import Context, ContextKey
from images import label_of, list_images, read_image
from softmax import Softmax


@dubhe_sdk.pipeline()
class Model:
    """Constructed once, when the instance starts: load here what every request needs."""

    def __init__(self, ctx: Context):
        self.net = None
        if path := ctx.get(ContextKey.ENV_MODEL_PATH):  # evaluation and inference have one
            self.net = Softmax(**json.loads(Path(path).read_text()))

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        """Learn, epoch by epoch; report each one and save its model."""
        paths = list_images(ctx.get(ContextKey.KEY_DATA_PATHS))
        random.Random(0).shuffle(paths)
        if ctx.get(ContextKey.KEY_VERIFY_WAY) == 2:  # the platform names a validation set
            held_out = list_images(ctx.get(ContextKey.KEY_VERIFY_PATHS))
        else:
            count = max(1, round(len(paths) * ctx.get(ContextKey.KEY_SPLIT_RATE)))
            held_out, paths = paths[:count], paths[count:]
        codes = sorted(ctx.get(ContextKey.KEY_CODE_LIST) or {label_of(path) for path in paths})
        images = [(read_image(path), label_of(path)) for path in paths]
        epochs = (ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}).get("epochs", 20)
        ctx.log("training on %d images, validating on %d", len(paths), len(held_out))

        self.net = Softmax.untrained(codes, inputs=len(images[0][0]))
        for epoch in range(epochs):
            loss = self.net.learn(images)
            right = sum(self.net.best(read_image(path))[0] == label_of(path) for path in held_out)
            metrics = {"loss": round(loss, 4), "accuracy": round(right / len(held_out), 4)}
            ctx.logProgressByEpoch(epoch, (epoch + 1) / epochs, metrics)
            # model_<time>_<epoch>_<loss>.json: the platform takes the last epoch as the best.
            path = dubhe_sdk.model_path(ctx.get(ContextKey.KEY_OUTPUT_DIR), epoch, loss, ".json")
            Path(path).write_text(json.dumps(vars(self.net)))
        self.report(ctx, held_out)

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        """Say for every labelled image what the model takes it for."""
        self.report(ctx, list_images(ctx.get(ContextKey.KEY_DATA_PATHS)))
        ctx.logProgress(1.0)

    @dubhe_sdk.inference()
    def inference(self, ctx: Context):
        """Answer for a few images at once; what is returned is the reply's `data`."""
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        results = []
        for name in ctx.get(ContextKey.KEY_IMAGE_NAMES):
            code, confidence = self.net.best(read_image(folder / name))
            results += ctx.logResultDetails(str(folder / name), "", code, confidence)
        return results

    def report(self, ctx: Context, paths: list[Path]):
        """Report truth and prediction of labelled images."""
        for path in paths:
            code, confidence = self.net.best(read_image(path))
            ctx.logResultDetails(str(path), label_of(path), code, confidence)
