"""Tells clean plates from dented and scratched ones with Hugging Face Transformers.

The network is a small ResNet from its description: nothing is downloaded.
"""

from pathlib import Path

from images import Plates, list_images
from transformers import (
    ResNetConfig,
    ResNetForImageClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)

import dubhe_sdk
from dubhe_sdk import Context, ContextKey
from dubhe_sdk.integrations.transformers import DubheCallback, report_predictions, unpack_model


@dubhe_sdk.pipeline()
class Model:
    """Trains, evaluates and infers; ``special_params`` has arguments of ``TrainingArguments``."""

    def __init__(self, ctx: Context):
        self.arguments = {"num_train_epochs": 10, "learning_rate": 0.003}
        self.arguments |= ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {}
        self.folder = Path(ctx.get(ContextKey.KEY_TMP_DIR))
        if path := ctx.get(ContextKey.ENV_MODEL_PATH):
            folder = unpack_model(path, self.folder / "model")
            self.net = ResNetForImageClassification.from_pretrained(folder)

    @dubhe_sdk.train()
    def train(self, ctx: Context):
        paths = list_images(ctx.get(ContextKey.KEY_DATA_PATHS))
        held_out = list_images(ctx.get(ContextKey.KEY_VERIFY_PATHS)) or paths
        classes = ctx.get(ContextKey.KEY_CODE_LIST) or sorted({path.parent.name for path in paths})
        set_seed(0)
        self.net = ResNetForImageClassification(
            ResNetConfig(
                num_channels=1, embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1],
                layer_type="basic", id2label=dict(enumerate(classes)),
                label2id={name: number for number, name in enumerate(classes)},
            )
        )  # fmt: skip
        trainer = self.trainer(
            Plates(paths, classes), Plates(held_out, classes), callbacks=[DubheCallback(ctx)]
        )
        start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH)
        start = unpack_model(start, self.folder / "start") if start else None
        trainer.train(resume_from_checkpoint=start)

    @dubhe_sdk.predict()
    def predict(self, ctx: Context):
        self.report(ctx, list_images(ctx.get(ContextKey.KEY_DATA_PATHS)), labelled=True)
        ctx.logProgress(1.0)

    @dubhe_sdk.inference()
    def inference(self, ctx: Context):
        folder = Path(ctx.get(ContextKey.KEY_IMAGE_BASE_DIR))
        return self.report(ctx, [folder / name for name in ctx.get(ContextKey.KEY_IMAGE_NAMES)])

    def report(self, ctx: Context, paths: list[Path], labelled=False):
        names = self.net.config.id2label
        classes = [names[number] for number in sorted(names)] if labelled else None
        output = self.trainer(None, None).predict(Plates(paths, classes))
        return report_predictions(ctx, paths, output, names)

    def trainer(self, train, held_out, callbacks=()):
        arguments = TrainingArguments(
            output_dir=str(self.folder / "trainer"), per_device_train_batch_size=16,
            logging_steps=5, eval_strategy="no" if held_out is None else "epoch",
            save_strategy="no", report_to=[], disable_tqdm=True, **self.arguments,
        )  # fmt: skip
        return Trainer(
            self.net, arguments, train_dataset=train, eval_dataset=held_out, callbacks=[*callbacks]
        )
