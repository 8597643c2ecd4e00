"""Tells clean plates from dented and scratched ones with MMEngine's runner."""

from pathlib import Path

import torch
from images import Plates, list_images
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner, load_checkpoint
from network import Accuracy, Network

import dubhe_sdk
from dubhe_sdk import Context, ContextKey
from dubhe_sdk.integrations.mmengine import DubheHook, report_samples


@dubhe_sdk.pipeline()
class Model:
    """Trains, evaluates and infers; ``special_params`` has {"epochs": 10}."""

    def __init__(self, ctx: Context):
        self.epochs = (ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}).get("epochs", 10)
        # MMEngine writes its runs into the folder for intermediate results.
        self.common = {"work_dir": ctx.get(ContextKey.KEY_TMP_DIR), "randomness": {"seed": 0}}
        if path := ctx.get(ContextKey.ENV_MODEL_PATH):
            meta = torch.load(path, "cpu", weights_only=False)["meta"]
            self.classes = meta["dataset_meta"]["classes"]
            self.net = Network(len(self.classes)).eval()
            load_checkpoint(self.net, path, "cpu")

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        paths = list_images(ctx.get(ContextKey.KEY_DATA_PATHS))
        held_out = list_images(ctx.get(ContextKey.KEY_VERIFY_PATHS)) or paths
        classes = ctx.get(ContextKey.KEY_CODE_LIST) or sorted({path.parent.name for path in paths})
        start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH) or None
        Runner(
            {"type": Network, "classes": len(classes)},
            train_dataloader=loader(Plates(paths, classes), shuffle=True),
            train_cfg={"by_epoch": True, "max_epochs": self.epochs, "val_interval": 1},
            optim_wrapper={"optimizer": {"type": "Adam", "lr": 0.003}},
            val_dataloader=loader(Plates(held_out, classes)),
            val_evaluator={"type": Accuracy}, val_cfg={}, load_from=start, resume=bool(start),
            custom_hooks=[DubheHook(ctx)], **self.common,
        ).train()  # fmt: skip

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        images = Plates(list_images(ctx.get(ContextKey.KEY_DATA_PATHS)), self.classes)
        Runner(
            self.net, test_dataloader=loader(images),
            test_evaluator={"type": Accuracy}, test_cfg={},
            custom_hooks=[DubheHook(ctx)], **self.common,
        ).test()  # fmt: skip

    @dubhe_sdk.inference()
    @torch.inference_mode()
    def inference(self, ctx: Context):
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        paths = [folder / name for name in ctx.get(ContextKey.KEY_IMAGE_NAMES)]
        images = Plates(paths, self.classes, labelled=False)
        return report_samples(ctx, self.net.test_step(pseudo_collate(list(images))), self.classes)


def loader(images: Plates, shuffle: bool = False) -> dict:
    """Return the description of a data loader."""
    sampler = {"type": "DefaultSampler", "shuffle": shuffle}
    return {"dataset": images, "batch_size": 16, "sampler": sampler}
