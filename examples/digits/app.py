"""Handwritten digits on the platform: one class per kind of task."""

from pathlib import Path

import numpy as np
from digits import label_of, list_images, load, read_images, save
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import dubhe_sdk
from dubhe_sdk import Context, ContextKey

BATCH = 32


@dubhe_sdk.pipeline()
class Trainer:
    """Learns from labelled images and reports every batch and every epoch."""

    def __init__(self, ctx: Context):
        self.epochs = (ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}).get("epochs", 20)

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        images = list_images(ctx.get(ContextKey.KEY_DATA_PATHS))
        if ctx.get(ContextKey.KEY_VERIFY_WAY) == 2:
            held_out = list_images(ctx.get(ContextKey.KEY_VERIFY_PATHS))
        else:
            rate = ctx.get(ContextKey.KEY_SPLIT_RATE)
            images, held_out = train_test_split(images, test_size=rate, random_state=0)
        codes = sorted(ctx.get(ContextKey.KEY_CODE_LIST) or {label_of(image) for image in images})
        ctx.log("training on %d images, validating on %d", len(images), len(held_out))

        model = MLPClassifier(hidden_layer_sizes=(128,), learning_rate_init=0.003, random_state=0)
        first = 0
        if pretrained := ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH):
            model, first = load(pretrained), ctx.get(ContextKey.KEY_PRETRAINED_EPOCH)

        x, y = read_images(images), np.array([label_of(image) for image in images])
        for epoch in range(first, first + self.epochs):
            loss = self.learn(ctx, model, x, y, codes, epoch, epoch - first)
            path = dubhe_sdk.model_path(ctx.get(ContextKey.KEY_OUTPUT_DIR), epoch, loss, ".pkl")
            save(model, path)
        report(ctx, model, held_out)

    def learn(self, ctx, model, x, y, codes, epoch, epochs_done):
        """One pass over all images; returns the loss after it."""
        order = np.random.default_rng(epoch).permutation(len(x))
        batches = np.array_split(order, max(1, len(x) // BATCH))
        for number, batch in enumerate(batches):
            model.partial_fit(x[batch], y[batch], classes=codes)
            progress = ((number + 1) / len(batches) + epochs_done) / self.epochs
            metrics = score(model, x[batch], y[batch])
            ctx.logProgressByBatch(epoch, number, len(batches), round(progress, 4), metrics)
        metrics = score(model, x, y)
        ctx.logProgressByEpoch(epoch, round((epochs_done + 1) / self.epochs, 4), metrics)
        return metrics["loss"]


@dubhe_sdk.pipeline()
class Evaluator:
    """Says for every image of a labelled set what the model takes it for."""

    def __init__(self, ctx: Context):
        self.model = load(ctx.get(ContextKey.ENV_MODEL_PATH))

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        report(ctx, self.model, list_images(ctx.get(ContextKey.KEY_DATA_PATHS)))
        ctx.logProgress(1.0)


@dubhe_sdk.pipeline()
class Recogniser:
    """Answers at once for a few images."""

    def __init__(self, ctx: Context):
        self.model = load(ctx.get(ContextKey.ENV_MODEL_PATH))

    @dubhe_sdk.inference()
    def inference(self, ctx: Context):
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        images = [folder / name for name in ctx.get(ContextKey.KEY_IMAGE_NAMES)]
        results = []
        for image, code, conf in classify(self.model, images):
            results += ctx.logResultDetails(str(image), "", code, conf)
        return results


def report(ctx, model, images):
    """Report truth and prediction of labelled images."""
    for image, code, conf in classify(model, images):
        ctx.logResultDetails(str(image), label_of(image), code, conf)


def classify(model, images):
    """Yield each image with its most likely class and how sure the model is."""
    for image, shares in zip(images, model.predict_proba(read_images(images)), strict=True):
        best = shares.argmax()
        yield image, str(model.classes_[best]), round(float(shares[best]), 6)


def score(model, x, y):
    """The curves that the platform draws."""
    shares = model.predict_proba(x)
    return {
        "loss": round(float(log_loss(y, shares, labels=model.classes_)), 6),
        "accuracy": round(float((model.classes_[shares.argmax(axis=1)] == y).mean()), 4),
    }
