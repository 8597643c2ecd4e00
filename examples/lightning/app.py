"""Tells clean plates from dented and scratched ones with Lightning: one class per kind of task."""

from pathlib import Path

import lightning
import torch
from images import Plates, list_images, read_image
from torch import nn
from torch.utils.data import DataLoader

import dubhe_sdk
from dubhe_sdk import Context, ContextKey
from dubhe_sdk.integrations.lightning import DubheCallback
from dubhe_sdk.integrations.torchvision import report_classifications


class Network(lightning.LightningModule):
    """Grey images of 32 x 32 pixels in, one score per class out."""

    def __init__(self, classes: list[str]):
        super().__init__()
        self.save_hyperparameters()  # so that the checkpoint has the classes
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 5, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU(),
            nn.Flatten(), nn.Linear(16 * 6 * 6, len(classes)),
        )  # fmt: skip

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

    def validation_step(self, batch, index):
        scores = self.layers(batch[0])
        self.log("val_loss", nn.functional.cross_entropy(scores, batch[1]))
        self.log("val_accuracy", (scores.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.003)


@dubhe_sdk.pipeline()
class Model:
    """Trains, evaluates and infers; ``special_params`` has {"epochs": 10}."""

    def __init__(self, ctx: Context):
        self.epochs = (ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}).get("epochs", 10)
        if path := ctx.get(ContextKey.ENV_MODEL_PATH):
            self.net = Network.load_from_checkpoint(path, map_location="cpu").eval()

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        paths = list_images(ctx.get(ContextKey.KEY_DATA_PATHS))
        held_out = list_images(ctx.get(ContextKey.KEY_VERIFY_PATHS)) or paths
        classes = ctx.get(ContextKey.KEY_CODE_LIST) or sorted({path.parent.name for path in paths})
        lightning.seed_everything(0)
        self.net = Network(classes)
        trainer = lightning.Trainer(
            max_epochs=self.epochs, logger=False, enable_progress_bar=False,
            default_root_dir=ctx.get(ContextKey.KEY_OUTPUT_DIR), callbacks=[DubheCallback(ctx)],
        )  # fmt: skip
        train, val = DataLoader(Plates(paths, classes), 16, True), Plates(held_out, classes)
        start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None
        trainer.fit(self.net, train, DataLoader(val, 16), ckpt_path=start)

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        self.report(ctx, list_images(ctx.get(ContextKey.KEY_DATA_PATHS)), labelled=True)
        ctx.logProgress(1.0)

    @dubhe_sdk.inference()
    def inference(self, ctx: Context):
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        return self.report(ctx, [folder / name for name in ctx.get(ContextKey.KEY_IMAGE_NAMES)])

    @torch.inference_mode()
    def report(self, ctx: Context, paths: list[Path], labelled=False):
        scores = self.net.layers(torch.stack([read_image(path) for path in paths]))
        truth = [path.parent.name for path in paths] if labelled else None
        return report_classifications(ctx, paths, scores, self.net.hparams.classes, truth=truth)
