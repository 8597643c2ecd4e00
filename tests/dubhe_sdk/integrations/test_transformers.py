"""Transformers on the platform: its own trainer and checkpoints."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tests.integrations.support import (
    WAIT,
    marks,
    models,
    places,
    progress_of,
    results_of,
    steps,
    stopped,
    trained,
)

pytestmark = marks

APP = f"""{WAIT}
import dataclasses
import dubhe_sdk
import torch
from dubhe_sdk import ContextKey
from dubhe_sdk.integrations.transformers import (
    DubheCallback, report_pipeline, report_predictions, unpack_model,
)
from PIL import Image
from transformers import (
    EarlyStoppingCallback, ResNetConfig, ResNetForImageClassification, Trainer, TrainerCallback,
    SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor, TrainingArguments,
    pipeline,
)

class Images(torch.utils.data.Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        return {{"pixel_values": torch.full((3, 32, 32), index % 2.0), "labels": index % 2}}

class Stream(torch.utils.data.IterableDataset):
    # Whose length nobody knows.
    def __iter__(self):
        return (Images()[number] for number in range(16))

class Waits(TrainerCallback):
    def __init__(self, ctx):
        self.ctx = ctx

    def on_prediction_step(self, args, state, control, **kwargs):
        wait_for_the_stop(self.ctx, f"evaluation{{state.global_step}}")

    def on_step_begin(self, args, state, control, **kwargs):
        if os.environ.get("FAILS"):
            raise ValueError("bad step")
        if state.is_world_process_zero:
            wait_for_the_stop(self.ctx, state.global_step)

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        if os.environ.get("RANKS") and "WORLD_SIZE" not in os.environ:
            return launch_ranks()
        config = ResNetConfig(
            embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic",
            id2label={{0: "good", 1: "bad"}}, label2id={{"good": 0, "bad": 1}},
        )
        model = ResNetForImageClassification(config)
        arguments = TrainingArguments(
            output_dir="output/trainer", num_train_epochs=int(os.environ.get("EPOCHS", "2")),
            per_device_train_batch_size=4, gradient_accumulation_steps=2, logging_steps=2,
            eval_strategy="epoch", use_cpu=True,
            report_to=[], disable_tqdm=True, save_strategy="no", dataloader_pin_memory=False,
        )
        data, callbacks = Images(), [Waits(ctx), DubheCallback(ctx)]
        if os.environ.get("ENDS_EARLY"):  # after 4 of 8 steps
            data = Stream()
            arguments = dataclasses.replace(
                arguments, max_steps=8, eval_strategy="steps", eval_steps=2, save_strategy="steps",
                save_steps=2, metric_for_best_model="eval_loss", load_best_model_at_end=True,
            )
            callbacks.append(EarlyStoppingCallback(1, early_stopping_threshold=1e9))
        if os.environ.get("KEEPS_BEST"):  # which is the first one
            arguments = dataclasses.replace(
                arguments, eval_strategy="steps", eval_steps=1, save_strategy="steps", save_steps=1,
                save_total_limit=1, load_best_model_at_end=True, metric_for_best_model="youth",
                greater_is_better=True,
            )
        evaluations = iter(range(100))
        trainer = Trainer(
            model, arguments, train_dataset=data, eval_dataset=Images(), callbacks=callbacks,
            compute_metrics=lambda _: {{"youth": -next(evaluations)}},
        )
        start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH)
        try:
            trainer.train(resume_from_checkpoint=unpack_model(start, "start") if start else None)
        finally:
            Path(f"left{{arguments.process_index}}").write_text(str(trainer.state.global_step))
        paths = [f"{{number}}.png" for number in range(16)]
        report_predictions(ctx, paths, trainer.predict(Images()), config.id2label)
        box = {{"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}}
        report_pipeline(ctx, ["p.png", "q.png"], [
            [{{"label": "good", "score": 0.4}}, {{"label": "bad", "score": 0.6}}],
            [{{"label": "bad", "score": score, "box": box}} for score in (0.9, 0.1)],
        ])
        image = Image.new("RGB", (32, 24), "white")
        segments = pipeline(
            "image-segmentation", image_processor=SegformerImageProcessor(size=(32, 32)),
            model=SegformerForSemanticSegmentation(SegformerConfig(
                depths=[1] * 4, hidden_sizes=[8] * 4, num_attention_heads=[1] * 4,
                decoder_hidden_size=8, id2label={{0: "dent", 1: "scratch"}},
            )),
        )
        whole = Image.new("L", image.size, 255)
        report_pipeline(
            ctx, ["s.png"], segments([image]), truth=lambda path: {{"dent": whole}},
        )
        part = Image.new("L", image.size)
        part.paste(255, (4, 5, 8, 9))
        report_pipeline(ctx, ["t.png"], [[{{"label": "dent", "score": 0.9, "mask": part}}]])
"""


def test_a_training(tmp_path: Path) -> None:
    app = trained(tmp_path, APP)
    assert app.ends()[0]["status"] == 200, app.console
    shares = [progress for _, progress in steps(app)]
    assert shares == sorted(shares) and shares[0] == 0.25 and shares[-1] == 1
    assert {epoch for epoch, _ in steps(app)[:-1]} == {0, 1}
    names = {name for one in progress_of(app) for name in one}
    expected = {"loss", "grad_norm", "learning_rate", "eval_loss", "eval_youth", "train_loss"}
    assert names == {*expected, "progress", "epoch"}
    assert places(app, "loss") == ["1/2", "1/2"], "logged in each epoch's second step of two"
    assert places(app, "eval_loss") == [None, None], "of the whole epoch"
    (model,) = models(app)
    assert model.suffix == ".zip" and model.name.split("_")[2] == "1"
    with zipfile.ZipFile(model) as archive:
        assert {"config.json", "model.safetensors"} <= set(archive.namelist())
        assert json.loads(archive.read("config.json"))["id2label"] == {"0": "good", "1": "bad"}
    *predicted, classified, detected, segmented, masked = results_of(app)
    assert len(predicted) == 16
    assert {image["info"][0]["ground_true"] for image in predicted} == {"good", "bad"}
    assert classified["info"] == [{"ground_true": "", "predict_code": "bad", "conf": 0.6}]
    assert [one["position"] for one in detected["info"]] == [[[1.0, 2.0], [3.0, 4.0]]]
    codes = {one["ground_true"] for one in segmented["info"]} - {""}
    assert codes == {"dent"} and {one["shape_type"] for one in segmented["info"]} == {"polygon"}
    assert masked["info"][0]["position"] == [[4, 5], [8, 5], [8, 9], [4, 9]]


def test_a_length_that_is_not_known_and_an_early_end(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, ENDS_EARLY="1")
    assert app.ends()[0]["status"] == 200, app.console
    shares = [progress for _, progress in steps(app)]
    assert shares == sorted(shares)
    assert set(shares) == {0.125, 0.25, 0.375, 0.5, 1}, "of 8 steps EarlyStopping left out 4"
    assert steps(app)[-1] == (None, 1)
    assert len(models(app)) == 1


def test_a_stop_and_its_resumption(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at=2)
    assert steps(app)[-1][1] == 0.75, app.console
    (model,) = models(app)
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)})
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again)[0] == (1, 0.999), "one step was left"
    assert steps(again)[-1] == (None, 1)


def test_a_stop_whose_checkpoint_the_trainer_removes(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at=2, KEEPS_BEST="1")
    left = {path.name for path in (tmp_path / "first/output/trainer").iterdir()}
    assert left == {"checkpoint-1"}, "the best one"
    (model,) = models(app)
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)})
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again)[0] == (1, 0.999), "one step was left"


def test_a_stop_in_an_evaluation_and_its_resumption(tmp_path: Path) -> None:
    app = stopped(tmp_path / "first", APP, at="evaluation2")
    assert steps(app)[-1] == (0, 0.5), app.console
    assert "eval_loss" not in {name for one in progress_of(app) for name in one}, "it was left out"
    (model,) = models(app)
    assert model.name.split("_")[2] == "0"
    again = trained(tmp_path / "again", APP, {"pretrained_model_path": str(model)})
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again)[0] == (1, 0.75) and steps(again)[-1] == (None, 1)


def test_a_failure(tmp_path: Path) -> None:
    (end,) = trained(tmp_path, APP, FAILS="1").ends()
    assert end["status"] == 300 and "ValueError: bad step" in end["msg"]


def test_ranks(tmp_path: Path) -> None:
    app = trained(tmp_path, APP, RANKS="1")
    assert app.ends()[0]["status"] == 200, app.console
    shares = [progress for _, progress in steps(app)]
    assert shares == sorted(shares) and shares[0] == 0.5, "one rank reports; two steps in all"
    assert steps(app)[-1] == (None, 1)
    assert len(models(app)) == 1


def test_a_stop_of_ranks_and_its_resumption(tmp_path: Path) -> None:
    first = tmp_path / "first"
    app = stopped(first, APP, at=0, RANKS="1", EPOCHS="4")
    left = {(first / f"left{rank}").read_text() for rank in range(2)}
    assert len(left) == 1 and int(left.pop()) < 4, app.console
    (model,) = models(app)
    request = {"pretrained_model_path": str(model)}
    again = trained(tmp_path / "again", APP, request, EPOCHS="4")
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again)[-1] == (None, 1)
