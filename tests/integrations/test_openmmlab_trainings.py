"""MMDetection, MMSegmentation and MMPretrain train: their own data sets, loops and metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.dubhe_sdk.service.harness import App
from tests.integrations.openmmlab import DETECTOR, PREPARED, SEGMENTER
from tests.integrations.openmmlab_environment import openmmlab_python
from tests.integrations.support import Run, marks, run, started

pytestmark = marks

CODES = ["dent", "scratch"]
IMAGES = 4
SIZE = (128, 96)  # pixels; what the networks get is smaller
BOX = (32, 24, 96, 72)
APP = f"""
import os

{PREPARED}{DETECTOR}{SEGMENTER}
import dubhe_sdk
from dubhe_sdk.integrations.mmengine import DubheHook
from mmengine.config import ConfigDict
from mmengine.runner import Runner

torch.set_num_threads(1)
CODES = {CODES}
LOAD = dict(type="LoadImageFromFile")
RESIZE = dict(type="Resize", scale=(64, 48), keep_ratio=True)

def detection():
    data = dict(
        type="CocoDataset", ann_file="coco.json", data_prefix=dict(img="dent/"),
        metainfo=dict(classes=CODES), pipeline=[
            LOAD, RESIZE, dict(type="LoadAnnotations", with_bbox=True), dict(type="PackDetInputs"),
        ],
    )
    return rtmdet("RTMDetSepBNHead"), data, dict(type="CocoMetric", ann_file="coco.json")

def segmentation():
    data = dict(
        type="BaseSegDataset", data_prefix=dict(img_path="dent", seg_map_path="regions"),
        img_suffix=".png", seg_map_suffix=".png", metainfo=dict(classes=["wall", "road", "sky"]),
        pipeline=[LOAD, RESIZE, dict(type="LoadAnnotations"), dict(type="PackSegInputs")],
    )
    prepared = dict(type="SegDataPreProcessor", size=(48, 64))
    return fcn(data_preprocessor=prepared), data, dict(type="IoUMetric", iou_metrics=["mIoU"])

def classification():
    data = dict(
        type="CustomDataset", data_prefix="classes",
        pipeline=[LOAD, dict(type="Resize", scale=(64, 48)), dict(type="PackInputs")],
    )
    model = dict(
        type="ImageClassifier", data_preprocessor=dict(type="ClsDataPreprocessor", num_classes=2),
        backbone=dict(type="ResNet", depth=18, base_channels=8, stem_channels=8),
        neck=dict(type="GlobalAveragePooling"),
        head=dict(
            type="LinearClsHead", num_classes=2, in_channels=64,
            loss=dict(type="CrossEntropyLoss"),
        ),
    )
    return model, data, dict(type="Accuracy", topk=(1,))

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        library = ctx.json_request["library"]
        __import__(library + ".utils", fromlist=["x"]).register_all_modules(False)
        makers = {{"mmdet": detection, "mmseg": segmentation, "mmpretrain": classification}}
        model, data, metric = makers[library]()
        torch.manual_seed(0)
        loader = dict(
            dataset=data, batch_size=2, sampler=dict(type="DefaultSampler", shuffle=False)
        )
        counts = dict(by_epoch=True, max_epochs=2, val_interval=2)
        train_loader = loader
        if library == "mmseg":  # as its own configurations do
            counts = dict(type="IterBasedTrainLoop", max_iters=4, val_interval=4)
            train_loader = dict(loader, sampler=dict(type="InfiniteSampler", shuffle=True))
        runner = Runner.from_cfg(ConfigDict(
            model=model, work_dir="output/" + library, experiment_name=library,
            default_scope=library, train_dataloader=train_loader, train_cfg=counts,
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.01)),
            val_dataloader=loader, val_evaluator=metric, val_cfg=dict(),
            test_dataloader=loader, test_evaluator=metric, test_cfg=dict(),
            default_hooks=dict(logger=dict(type="LoggerHook", interval=1)),
            custom_hooks=[dict(type="DubheHook", confidence=0.0)], randomness=dict(seed=0),
        ))
        runner.train()
        runner.test()
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("openmmlab")
    draw(folder)
    with started(folder, APP, openmmlab_python()) as app:
        yield app


def draw(folder: Path) -> None:
    """Write images with a dark rectangle: in COCO's form, as regions, and in folders of classes."""
    images, annotations = [], []
    (folder / "regions").mkdir()
    for code in CODES:
        (folder / "classes" / code).mkdir(parents=True)
    (folder / "dent").mkdir()
    for number in range(IMAGES):
        name = f"{number}.png"
        image = Image.new("RGB", SIZE, (150, 150, 150))
        ImageDraw.Draw(image).rectangle((*BOX[:2], BOX[2] - 1, BOX[3] - 1), (20, 20, 20))
        image.save(folder / "dent" / name)
        image.save(folder / "classes" / CODES[number % 2] / name)
        regions = Image.new("L", SIZE, 0)
        ImageDraw.Draw(regions).rectangle((*BOX[:2], BOX[2] - 1, BOX[3] - 1), 1)
        regions.save(folder / "regions" / name)
        images.append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        box = [BOX[0], BOX[1], BOX[2] - BOX[0], BOX[3] - BOX[1]]
        annotations.append(
            {"id": number + 1, "image_id": number, "category_id": 1 + number % 2, "bbox": box,
             "area": box[2] * box[3], "iscrowd": 0}
        )  # fmt: skip
    categories = [{"id": number, "name": code} for number, code in enumerate(CODES, 1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "coco.json").write_text(json.dumps(content))


def trained(app: App, library: str) -> tuple[Run, list[Any]]:
    """Return a training with the test after it, and the images of its results."""
    before = len(app.messages)
    found = run(app, library=library)
    assert found.end["status"] == 200, app.console
    values = [one["value"] for one in app.messages[before:]]
    images = [image for one in values if one["mes_type"] == 3 for image in one["data"]]
    assert len(images) == 2 * IMAGES, "of the last validation, and of the test"
    assert images[:IMAGES] == images[IMAGES:]
    assert [model.suffix for model in found.models] == [".pth"]
    return found, images[:IMAGES]


def curves(found: Run) -> list[set[str]]:
    """Return the metrics of each message."""
    return [set(one) - {"progress", "epoch"} for one in found.progress]


def test_a_detector(app: App) -> None:
    found, images = trained(app, "mmdet")
    assert [progress for _, progress in found.steps[:2]] == [0.25, 0.5], "two batches an epoch"
    assert found.steps[-1][1] == 1
    first, last = curves(found)[0], curves(found)[-1]
    assert first == {"loss", "loss_cls", "loss_bbox"}
    assert "coco/bbox_mAP" in last
    for number, image in enumerate(images):
        assert Path(image["img_path"]).name == f"{number}.png"
        there = [one for one in image["info"] if one["ground_true"]]
        assert [one["ground_true"] for one in there] == [CODES[number % 2]]
        if not there[0]["predict_code"]:  # missed: the position is that of the annotation
            assert there[0]["position"] == [list(BOX[:2]), list(BOX[2:])], "in the file's pixels"
        assert len(image["info"]) > 1, "what an untrained network finds"
    missed = [one for image in images for one in image["info"] if not one["predict_code"]]
    assert missed, "a training of four steps cannot show the truth alone"


def test_a_segmenter(app: App) -> None:
    found, images = trained(app, "mmseg")
    assert [progress for _, progress in found.steps[:4]] == [0.25, 0.5, 0.75, 0.999]
    assert curves(found)[0] == {"loss", "decode.loss_ce", "decode.acc_seg"}
    assert curves(found)[4] == {"aAcc", "mIoU", "mAcc", "lr"}
    for image in images:
        truth = {one["ground_true"] for one in image["info"] if one["ground_true"]}
        assert truth == {"wall", "road"}
        assert any(one["predict_code"] for one in image["info"])


def test_a_classifier(app: App) -> None:
    found, images = trained(app, "mmpretrain")
    assert [progress for _, progress in found.steps[:2]] == [0.25, 0.5]
    assert curves(found)[0] == {"loss"}
    assert curves(found)[-1] == {"accuracy/top1"}
    for image in images:
        (entry,) = image["info"]
        assert entry["ground_true"] == Path(image["img_path"]).parent.name
        assert entry["predict_code"] in CODES
        assert 0.5 <= entry["conf"] <= 1
