"""A PyTorch network on the platform: one class per kind of task."""

from pathlib import Path

import torch
from images import label_of, list_images, read_image
from network import device, load
from training import Plan, train

import dubhe_sdk
from dubhe_sdk import Context, ContextKey

CHUNK = 64


@dubhe_sdk.pipeline()
class Trainer:
    """Trains in as many processes as ``special_params`` says: {"epochs": 5, "ranks": 2}."""

    def __init__(self, ctx: Context):
        self.wishes = ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        images = list_images(ctx.get(ContextKey.KEY_DATA_PATHS))
        classes = sorted(ctx.get(ContextKey.KEY_CODE_LIST) or {label_of(path) for path in images})
        ranks = self.wishes.get("ranks", max(1, torch.cuda.device_count()))
        epochs = self.wishes.get("epochs", 3)
        ctx.log("training on %d images in %d processes", len(images), ranks)
        train(Plan(images, classes, ctx.get(ContextKey.KEY_OUTPUT_DIR), epochs, ranks))


@dubhe_sdk.pipeline()
class Evaluator:
    """Says for every image of a labelled set what the network takes it for."""

    def __init__(self, ctx: Context):
        self.network = load(ctx.get(ContextKey.ENV_MODEL_PATH))

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        images = list_images(ctx.get(ContextKey.KEY_DATA_PATHS))
        for path, code, conf in classify(self.network, images):
            ctx.logResultDetails(str(path), label_of(path), code, conf)
        ctx.logProgress(1.0)


@dubhe_sdk.pipeline()
class Recogniser:
    """Answers at once. Requests that come together share a pass through the network."""

    def __init__(self, ctx: Context):
        self.network = load(ctx.get(ContextKey.ENV_MODEL_PATH))

    @dubhe_sdk.inference(max_batch_size=16)
    def inference(self, contexts: list[Context]):
        asked = [requested_images(ctx) for ctx in contexts]
        images = [path for paths in asked if isinstance(paths, list) for path in paths]
        found = classify(self.network, images)
        return [
            [entry for _ in paths for entry in report(ctx, *next(found))]
            if isinstance(paths, list)
            else paths  # an exception: the failure of this request alone
            for ctx, paths in zip(contexts, asked, strict=True)
        ]


def requested_images(ctx: Context):
    """Return the images of a request, or the exception that says which are not there."""
    folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
    images = [folder / name for name in ctx.get(ContextKey.KEY_IMAGE_NAMES)]
    missing = [str(path) for path in images if not path.is_file()]
    return FileNotFoundError(f"no such images: {missing}") if missing else images


def report(ctx: Context, path, code, conf):
    return ctx.logResultDetails(str(path), "", code, conf)


@torch.inference_mode()
def classify(network, paths):
    """Yield each image with its most likely class, and how sure the network is: a tensor."""
    for start in range(0, len(paths), CHUNK):
        part = paths[start : start + CHUNK]
        shares = network(torch.stack([read_image(path) for path in part]).to(device())).softmax(1)
        for path, conf, number in zip(part, *shares.max(1), strict=True):
            yield path, network.classes[number], conf
