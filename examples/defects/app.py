"""Digits on metal plates, found on the platform: one class per kind of task."""

from pathlib import Path

import numpy as np
from data import Labels, list_images, read_image, read_labels
from detector import Detector, load
from findings import UNKNOWN, findings, quality

import dubhe_sdk
from dubhe_sdk import Context, ContextKey

BATCH = 4  # images


@dubhe_sdk.pipeline()
class Trainer:
    """Learns from labelled images and reports every batch and every epoch."""

    def __init__(self, ctx: Context):
        self.epochs = special_param(ctx, "epochs", 10)
        self.sure = special_param(ctx, "confidence", 0.5)

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        paths, held_out = split(ctx)
        images, labels = [read_image(path) for path in paths], [read_labels(path) for path in paths]
        codes = sorted(
            ctx.get(ContextKey.KEY_CODE_LIST) or {code for truth in labels for code in truth.codes}
        )
        labels = [only(truth, codes) for truth in labels]
        ctx.log("training on %d images, validating on %d", len(paths), len(held_out))

        detector, first = Detector(codes), 0
        if pretrained := ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH):
            detector, first = load(pretrained), ctx.get(ContextKey.KEY_PRETRAINED_EPOCH)
            if detector.codes != codes:
                raise ValueError(f"{pretrained} knows {detector.codes}, expected {codes}")

        for epoch in range(first, first + self.epochs):
            losses = self.learn(ctx, detector, images, labels, epoch, epoch - first)
            results = list(inspect(detector, held_out, self.sure))
            progress = round((epoch - first + 1) / self.epochs, 4)
            ctx.logProgressByEpoch(epoch, progress, {**losses, **quality(results)})
            output = ctx.get(ContextKey.KEY_OUTPUT_DIR)
            detector.save(dubhe_sdk.model_path(output, epoch, losses["loss"], ".pkl"))
        for result in results:
            ctx.logResult([result])

    def learn(self, ctx, detector, images, labels, epoch, epochs_done):
        """One pass over all images; returns the mean losses."""
        rng = np.random.default_rng(epoch)
        batches = np.array_split(rng.permutation(len(images)), max(1, len(images) // BATCH))
        said = []
        for number, batch in enumerate(batches):
            said.append(detector.learn([images[i] for i in batch], [labels[i] for i in batch], rng))
            progress = ((number + 1) / len(batches) + epochs_done) / self.epochs
            losses = {name: round(value, 6) for name, value in said[-1].items()}
            ctx.logProgressByBatch(epoch, number, len(batches), round(progress, 4), losses)
        names = sorted({name for losses in said for name in losses})
        means = {
            name: np.mean([losses[name] for losses in said if name in losses]) for name in names
        }
        return {name: round(float(mean), 6) for name, mean in means.items()}


@dubhe_sdk.pipeline()
class Evaluator:
    """Says for every image of a labelled set what was found, missed, and found where nothing is."""

    def __init__(self, ctx: Context):
        self.detector = load(ctx.get(ContextKey.ENV_MODEL_PATH))
        self.sure = special_param(ctx, "confidence", 0.5)

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        paths = list_images(ctx.get(ContextKey.KEY_DATA_PATHS))
        results = []
        for result in inspect(self.detector, paths, self.sure):
            results.append(result)
            ctx.logResult([result])
            ctx.logProgress(round(len(results) / len(paths), 4))
        ctx.log("on %d images: %s", len(results), quality(results))


@dubhe_sdk.pipeline()
class Inspector:
    """Answers at once for a few images. What is really on them is not known."""

    def __init__(self, ctx: Context):
        self.detector = load(ctx.get(ContextKey.ENV_MODEL_PATH))
        self.sure = special_param(ctx, "confidence", 0.5)

    @dubhe_sdk.inference()
    def inference(self, ctx: Context):
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        paths = [folder / name for name in ctx.get(ContextKey.KEY_IMAGE_NAMES)]
        results = list(inspect(self.detector, paths, self.sure, labelled=False))
        ctx.logResult(results)
        return results


def inspect(detector, paths, sure, labelled=True):
    """Yield for each image what the platform is told."""
    for path in paths:
        truth = only(read_labels(path), detector.codes) if labelled else UNKNOWN
        found = detector.detect(read_image(path))
        yield findings(str(path), truth, found, detector.codes, sure)


def split(ctx):
    """Return the images to learn from and those to validate on."""
    paths = list_images(ctx.get(ContextKey.KEY_DATA_PATHS))
    if ctx.get(ContextKey.KEY_VERIFY_WAY) == 2:
        return paths, list_images(ctx.get(ContextKey.KEY_VERIFY_PATHS))
    order = np.random.default_rng(0).permutation(len(paths))
    held_out = max(1, round(len(paths) * ctx.get(ContextKey.KEY_SPLIT_RATE)))
    return [paths[i] for i in order[held_out:]], [paths[i] for i in order[:held_out]]


def only(truth, codes):
    """Return the labels of the classes that are looked for; the others count as background."""
    wanted = [i for i, code in enumerate(truth.codes) if code in codes]
    return Labels([truth.codes[i] for i in wanted], truth.boxes[wanted])


def special_param(ctx, name, default):
    """Return a business parameter."""
    return (ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}).get(name, default)
