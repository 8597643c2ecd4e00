"""Sorts metal plates with PaddlePaddle: good, dented or scratched. One class per kind of task."""

from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from plates import CLASSES, Plates, label_of, list_images, read_image

import dubhe_sdk
from dubhe_sdk import Context, ContextKey
from dubhe_sdk.integrations.paddle import DubheCallback, load_pretrained


def network():
    """Return a small convolutional network: (N, 1, 64, 64) → (N, classes)."""
    layers = []
    for before, after in ((1, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2D(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 8 * 8, len(CLASSES)))


@dubhe_sdk.pipeline()
class Trainer:
    """Learns from images in folders named by their class."""

    def __init__(self, ctx: Context):
        self.epochs = (ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}).get("epochs", 10)

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        paddle.seed(0)
        np.random.seed(0)  # Paddle shuffles by it
        model = paddle.Model(network())
        optimizer = paddle.optimizer.Adam(0.002, parameters=model.parameters())
        model.prepare(optimizer, nn.CrossEntropyLoss(), paddle.metric.Accuracy())
        load_pretrained(ctx, model)
        held_out = ctx.get(ContextKey.KEY_VERIFY_PATHS) or ctx.get(ContextKey.KEY_DATA_PATHS)
        model.fit(
            Plates(list_images(ctx.get(ContextKey.KEY_DATA_PATHS))),
            Plates(list_images(held_out)),
            batch_size=16,
            epochs=self.epochs,
            verbose=0,
            callbacks=[DubheCallback(ctx)],
        )


class Classifier:
    """What evaluation and inference have in common."""

    def __init__(self, ctx: Context):
        self.network = network()
        self.network.set_state_dict(paddle.load(ctx.get(ContextKey.ENV_MODEL_PATH)))
        self.network.eval()

    @paddle.no_grad()
    def report(self, ctx: Context, path: Path, truth: str):
        """Report the most likely class of an image."""
        shares = nn.functional.softmax(self.network(paddle.to_tensor(read_image(path)[None])))[0]
        best = int(shares.argmax())
        return ctx.logResultDetails(path, truth, CLASSES[best], shares[best])


@dubhe_sdk.pipeline()
class Evaluator(Classifier):
    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        for path in list_images(ctx.get(ContextKey.KEY_DATA_PATHS)):
            self.report(ctx, path, label_of(path))
        ctx.logProgress(1.0)


@dubhe_sdk.pipeline()
class Inspector(Classifier):
    @dubhe_sdk.inference()
    def inference(self, ctx: Context):
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        names = ctx.get(ContextKey.KEY_IMAGE_NAMES)
        return [entry for name in names for entry in self.report(ctx, folder / name, "")]
