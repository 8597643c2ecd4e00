"""Ultralytics YOLO on the platform: its own trainer, validator and checkpoints."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.support import (
    WAIT,
    marks,
    models,
    progress_of,
    results_of,
    steps,
    stopped,
    trained,
)
from tests.support.distributions import ROOT

pytestmark = marks

Step = tuple[int | None, float]

APP = f"""{WAIT}
import dubhe_sdk
from dubhe_sdk import ContextKey
from dubhe_sdk.integrations.ultralytics import DubheCallback
from ultralytics import YOLO

SETTINGS = dict(
    epochs=2, imgsz=32, batch=8, workers=0, plots=False, val=True, device="cpu", amp=False,
    optimizer="SGD", deterministic=True, verbose=False,
)

def fail_twice(trainer):
    # Out of memory in the second batch, and NaN in the first try of the second epoch.
    import torch
    kind = type(trainer.model)
    loss_of, losses = kind.loss, iter(range(10_000))
    def loss_or_failure(model, *arguments):
        loss, items = loss_of(model, *arguments)
        number = next(losses) if model.training else -1
        if number == 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        if 6 <= number < 10:
            trainer.best_fitness = 0.5  # so that one of 0 is a collapse
            loss = loss * float("nan")
        return loss, items
    kind.loss = loss_or_failure

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        start = ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH)
        model = YOLO(start or os.environ.get("MODEL", "yolo11n.yaml"))
        DubheCallback(ctx, confidence=0.0).attach(model)
        batches = iter(range(10_000))
        def after_batch(trainer):
            if os.environ.get("FAILS"):
                raise ValueError("bad batch")
            number, rank = next(batches), os.environ.get("RANK", "0")
            if os.environ.get("RANKS"):
                Path(f"batch{{rank}}").write_text(str(number))
            if rank == "0":
                wait_for_the_stop(ctx, number)
        def before_validated_batch(validator):
            if validator.training:
                wait_for_the_stop(ctx, f"validation{{model.trainer.epoch}}")
        def leave(trainer):
            rank = os.environ.get("RANK", "0")
            if os.environ.get("RANKS"):
                Path(f"batch{{rank}}").rename(f"left{{rank}}")
        model.add_callback("teardown", leave)
        if not os.environ.get("RANKS"):
            model.add_callback("on_val_batch_start", before_validated_batch)
        model.callbacks["on_train_batch_end"].insert(0, after_batch)
        if os.environ.get("ENDS_EARLY"):
            def best_so_far(trainer):
                trainer.stopper.best_fitness = 9.0
            model.add_callback("on_train_start", best_so_far)
            SETTINGS.update(epochs=4, patience=2)
        if os.environ.get("RECOVERS"):
            model.add_callback("on_train_start", fail_twice)
        data = os.environ.get("DATA", "data/data.yaml")
        trainer = None
        if os.environ.get("RANKS"):
            from ranks import TwoRanks as trainer
        model.train(trainer, data=data, resume=bool(start), **SETTINGS)
        if os.environ.get("RANKS"):
            wait_for_the_stop(ctx, "after")
            Path("went_on").write_text("1")
        if os.environ.get("VALIDATES"):
            model.val(data=data, imgsz=32, device="cpu", plots=False, split="val")
"""


WHOLE: list[Step] = [(0, 0.25), (0, 0.5), (0, 0.5), (1, 0.75), (1, 0.999), (1, 0.999), (None, 1)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An algorithm's folder with 16 plates to train on, and 8 to validate on."""
    folder = tmp_path / "algorithm"
    module = runpy.run_path(str(ROOT / "examples" / "ultralytics" / "prepare.py"))
    module["prepare"](folder / "data", {"train": 16, "val": 8})
    (folder / "data" / "data.yaml").write_text(
        f"train: {folder}/data/train\nval: {folder}/data/val\nnames: [dent, scratch]\n"
    )
    return folder


def test_a_training(folder: Path) -> None:
    app = trained(folder, APP, VALIDATES="1")
    assert app.ends()[0]["status"] == 200, app.console
    assert steps(app) == [*WHOLE, (1, 1)], "what `model.val` reports comes after progress 1"
    batch, epoch, validation = progress_of(app)[1], progress_of(app)[2], progress_of(app)[-1]
    assert "metrics/mAP50(B)" in validation
    assert set(batch) == {"box_loss", "cls_loss", "dfl_loss", "progress", "epoch"}
    assert {"train/box_loss", "val/box_loss", "metrics/mAP50(B)", "lr/pg0"} <= set(epoch)
    (model,) = models(app)
    assert model.name.split("_")[2] == "1" and model.suffix == ".pt"
    # The final validation's images, then those of `model.val`.
    images = results_of(app)
    assert len(images) == 16 and len({image["img_path"] for image in images}) == 8
    true = {entry["ground_true"] for image in images for entry in image["info"]}
    assert true <= {"dent", "scratch", ""} and len(true) > 1
    for image in images:
        assert image["bbox_cnt"] == len(image["info"])
        missed = [one["position"] for one in image["info"] if not one["predict_code"]]
        assert all(any(is_box(box, true) for true in labels(image)) for box in missed)
    assert any(one["predict_code"] == "" for image in images for one in image["info"])
    order = [word for word in app.reported if word in ("progress", "result")]
    assert order[6:15] == ["result"] * 8 + ["progress"], "results come before progress 1"


def labels(image: dict[str, Any]) -> list[list[list[float]]]:
    """Return the true boxes of an image, in pixels, from its label file."""
    boxes = []
    for line in Path(image["img_path"]).with_suffix(".txt").read_text().splitlines():
        x, y, width, height = (float(value) * 160 for value in line.split()[1:])
        boxes.append([[x - width / 2, y - height / 2], [x + width / 2, y + height / 2]])
    return boxes


def is_box(found: list[list[float]], true: list[list[float]]) -> bool:
    pairs = zip([*found[0], *found[1]], [*true[0], *true[1]], strict=True)
    return all(abs(a - b) < 0.2 for a, b in pairs)


@pytest.mark.parametrize(
    ("at", "before", "after"),
    [
        # There is nothing to be resumed in the first epoch: a new training has its weights.
        pytest.param(0, WHOLE[:1], WHOLE, id="first epoch"),
        pytest.param("validation0", WHOLE[:2], WHOLE[3:], id="first validation"),
        pytest.param(2, WHOLE[:4], WHOLE[3:], id="last epoch"),
        pytest.param("validation1", WHOLE[:5], WHOLE[3:], id="last validation"),
    ],
)
def test_a_stop_and_its_resumption(
    folder: Path, at: int | str, before: list[Step], after: list[Step]
) -> None:
    app = stopped(folder, APP, at=at)
    assert steps(app) == before
    (model,) = models(app)
    epoch = before[-1][0]
    assert model.name.split("_")[2] == str(epoch)
    again = trained(
        folder.parent / "again",
        APP.replace("data/data.yaml", f"{folder}/data/data.yaml"),
        {"pretrained_model_path": str(model), "pretrained_epoch": epoch},
    )
    assert again.ends()[0]["status"] == 200, again.console
    assert steps(again) == after, "an epoch that was cut off is repeated"


def test_epochs_that_ultralytics_repeats(folder: Path) -> None:
    app = trained(folder, APP, RECOVERS="1")
    assert app.ends()[0]["status"] == 200, app.console
    assert "Reducing to batch=4 and retrying" in app.console
    assert "recovering from last.pt" in app.console
    first = [(0, 0.25), *[(0, 0.25)] * 2, (0, 0.375), (0, 0.5), (0, 0.5)]
    second = [(1, 0.625), (1, 0.75), (1, 0.875), (1, 0.999)]
    assert steps(app) == [*first, *second, *[(1, 0.999)] * 5, (None, 1)]
    assert len(results_of(app)) == 8 and len(models(app)) == 1


def test_a_model_that_is_trained_further(folder: Path) -> None:
    (model,) = models(trained(folder, APP))
    again = trained(
        folder.parent / "again",
        APP.replace("data/data.yaml", f"{folder}/data/data.yaml"),
        {"pretrained_model_path": str(model), "pretrained_epoch": 2},
    )
    assert {epoch for epoch, _ in steps(again)} == {2, 3, None}
    assert steps(again)[0] == (2, 0.25)
    assert models(again)[0].name.split("_")[2] == "3"


def test_a_failure_in_a_callback(folder: Path) -> None:
    app = trained(folder, APP, FAILS="1")
    (end,) = app.ends()
    assert end["status"] == 300 and "ValueError: bad batch" in end["msg"]


def test_segmentation(folder: Path) -> None:
    for path in folder.glob("data/*/*.txt"):  # boxes become polygons
        lines = [line.split() for line in path.read_text().splitlines()]
        path.write_text("".join(f"{polygon(*line)}\n" for line in lines))
    app = trained(folder, APP, MODEL="yolo11n-seg.yaml")
    assert app.ends()[0]["status"] == 200, app.console
    assert len(results_of(app)) == 8
    assert any(len(one["position"]) > 4 for image in results_of(app) for one in image["info"])
    for image in results_of(app):
        missed = [one for one in image["info"] if not one["predict_code"]]
        matched = [one["special"]["true_position"] for one in image["info"]]
        polygons = [one["position"] for one in missed] + [one for one in matched if one]
        assert all(len(points) == 4 for points in polygons), "the truth is as labelled"
        around = [[points[0], points[2]] for points in polygons]
        assert len(polygons) == len(labels_of_polygons(image))
        for box in around:
            assert any(is_box(box, true) for true in labels_of_polygons(image))
        assert all(one["shape_type"] == "polygon" for one in missed)


def labels_of_polygons(image: dict[str, Any]) -> list[list[list[float]]]:
    """Return the first and third corner of an image's polygons, in pixels, from its label file."""
    found = []
    for line in Path(image["img_path"]).with_suffix(".txt").read_text().splitlines():
        values = [float(value) * 160 for value in line.split()[1:]]
        found.append([values[0:2], values[4:6]])
    return found


def polygon(number: str, x: str, y: str, width: str, height: str) -> str:
    centre_x, centre_y = float(x), float(y)
    half_width, half_height = float(width) / 2, float(height) / 2
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    points = [(centre_x + a * half_width, centre_y + b * half_height) for a, b in corners]
    return " ".join([number, *(f"{value:.6f}" for point in points for value in point)])


def test_classification_that_ends_early(folder: Path) -> None:
    data = folder / "classes"
    for part in ("train", "val"):
        for number, path in enumerate(sorted((folder / "data" / part).glob("*.png"))):
            target = data / part / ["good", "bad"][number % 2] / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    app = trained(folder, APP, MODEL="yolo11n-cls.yaml", DATA=str(data), ENDS_EARLY="1")
    assert app.ends()[0]["status"] == 200, app.console
    expected = [(0, 0.125), (0, 0.25), (0, 0.25), (1, 0.375), (1, 0.5), (1, 0.5), (None, 1)]
    assert steps(app) == expected, "Ultralytics' patience ended it after half of the epochs"
    assert [path.name.split("_")[2] for path in models(app)] == ["1"]
    assert len(results_of(app)) == 8
    for image in results_of(app):
        (entry,) = image["info"]
        assert entry["ground_true"] == Path(image["img_path"]).parent.name
        assert entry["predict_code"] in ("good", "bad") and 0 <= entry["conf"] <= 1


RANKS = """
from types import SimpleNamespace
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from ultralytics.engine import trainer as engine, validator
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import LOCAL_RANK, RANK

class OnTheProcessor(DistributedDataParallel):
    def __init__(self, module, device_ids=None, **options):
        super().__init__(module, **options)

class TwoRanks(DetectionTrainer):
    # Ultralytics' own way to several GPUs, its launcher and its pickled callbacks, by gloo.
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.world_size, self.ddp = 2, LOCAL_RANK == -1

    def _setup_ddp(self):
        engine.nn.parallel.DistributedDataParallel = OnTheProcessor
        dist.init_process_group("gloo", rank=RANK, world_size=2)

    def final_eval(self):
        backend = validator.AutoBackend
        validator.get_torch_device_backend = lambda _: SimpleNamespace(current_device=lambda: 0)
        validator.AutoBackend = lambda device, **options: backend(device=self.device, **options)
        super().final_eval()
"""


def test_ranks_of_ultralytics_own_launcher(folder: Path) -> None:
    (folder / "ranks.py").write_text(RANKS)
    app = trained(folder, APP, RANKS="1")
    assert app.ends()[0]["status"] == 200, app.console
    assert steps(app)[-1] == (None, 1)
    assert [epoch for epoch, _ in steps(app)[:-1]] == [0, 0, 0, 1, 1, 1], "one rank reports"
    paths = [image["img_path"] for image in results_of(app)]
    assert len(paths) == 8 and len(set(paths)) == 8, "each image is reported by one rank"
    assert len(models(app)) == 1


def test_a_stop_of_ranks(folder: Path) -> None:
    (folder / "ranks.py").write_text(RANKS)
    app = stopped(folder, APP, at=0, RANKS="1")
    assert len(models(app)) == 1, app.console
    left = [(folder / f"left{rank}").read_text() for rank in range(2)]
    assert left == ["1", "1"], "the second rank had begun a batch before it could know of the stop"
    assert not (folder / "went_on").exists(), "`model.train` does not return a model cut off"


def test_a_stop_after_the_ranks(folder: Path) -> None:
    (folder / "ranks.py").write_text(RANKS)
    app = stopped(folder, APP, at="after", RANKS="1")
    assert steps(app)[-1] == (None, 1)
    assert not (folder / "went_on").exists(), "a stop is an exception again"
