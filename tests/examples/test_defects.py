"""The defects example, trained for real: SDK, service, sidecar, journal.

What it reports is checked against the label files by this module's own geometry.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from PIL import Image

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.dataset import read_dataset
from dubhe_simulator.algorithm.layout import read_algorithm
from dubhe_simulator.contract.model_files import model_files
from dubhe_simulator.instances.backend import LocalBackend
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.run_config import RunConfig
from dubhe_simulator.platform.state.message_stats import MessageStats
from dubhe_simulator.platform.storage import result_queries
from dubhe_simulator.platform.workflow import WorkflowRequest
from dubhe_simulator.platform.workflow_events import WorkflowEnded, WorkflowEvent, WorkflowResult
from dubhe_simulator.terminal.report import report_lines
from tests.dubhe_simulator.ui import Ui
from tests.support.journal import read_journal

pytestmark = pytest.mark.slow

DEFECTS = Path(__file__).parents[2] / "examples" / "defects"
EPOCHS = 5  # of 10: enough to see it learn
BATCHES = 45  # 180 plates, 4 at a time
ENTRY = ["ground_true", "predict_code", "conf", "shape_type", "position", "special"]
Box = tuple[float, float, float, float]

# Of three plates and their labels. They change with every change of prepare.py or plate.py.
PLATES = "f92463b4192fcbf7"


def prepare(folder: Path) -> Path:
    subprocess.run([sys.executable, str(DEFECTS / "prepare.py"), str(folder)], check=True)
    return folder


def copy_of_example(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("data", "output", "runs", "temporary", "__pycache__")
    return shutil.copytree(DEFECTS, folder, ignore=ignored)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("plates"))


@dataclass(frozen=True)
class Played:
    example: Path
    data: Path
    result: WorkflowResult
    stats: dict[TaskKind, MessageStats]
    exits: list[int]
    summary: dict[str, Any]
    report: list[str]

    def said(self, kind: TaskKind, mes_type: int) -> list[Any]:
        assert self.result.folder is not None
        messages = read_journal(self.result.folder / kind.value / "journal")
        values = [message["value"] for message in messages]
        return [value["data"] for value in values if value["mes_type"] == mes_type]

    def results(self, kind: TaskKind) -> list[dict[str, Any]]:
        found = self.said(kind, 3)
        assert all(len(images) == 1 for images in found)
        return [images[0] for images in found]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Played:
    """Trained for half as long as it is shipped, evaluated and asked once."""
    example = copy_of_example(tmp_path_factory.mktemp("defects") / "defects")
    backend = LocalBackend(read_algorithm(example))
    platform = Platform(
        RunConfig(example / "runs", backend, read_dataset(data), special_params={"epochs": EPOCHS})
    )
    platform.start()
    try:
        events: SimpleQueue[WorkflowEvent] = SimpleQueue()
        platform.workflow.begin(WorkflowRequest(images=8, stop_all=True), events.put)
        while not isinstance(event := events.get(timeout=300), WorkflowEnded):
            pass
        assert event.failure is None, event.failure
        result = event.result
        stats = {kind: platform.message_stats(name) for kind, name in result.instances.items()}
        managed = [platform.registry.instances[name].managed for name in result.instances.values()]
        exits = [each.exit_status for each in managed if each.exit_status is not None]
        run = result.runs[TaskKind.EVALUATE]
        summary = result_queries.summary(platform.database, run, True, 0.0)
        report = list(report_lines(platform, result, stats))
        return Played(example, data, result, stats, exits, summary, report)
    finally:
        platform.close()


def iou(a: Box, b: Box) -> float:
    common = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    common *= max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return common / (areas - common)


def box_of(entry: dict[str, Any]) -> Box:
    (x1, y1), (x2, y2) = entry["position"]
    return x1, y1, x2, y2


def labels_of(image: str) -> list[tuple[str, Box]]:
    boxes = json.loads(Path(image).with_suffix(".json").read_text())["boxes"]
    return [(label["code"], tuple(label["box"])) for label in boxes]


def check_form(result: dict[str, Any]) -> None:
    assert list(result) == ["img_path", "bbox_cnt", "info"]
    assert result["bbox_cnt"] == len(result["info"])
    for entry in result["info"]:
        assert list(entry) == ENTRY
        x1, y1, x2, y2 = box_of(entry)
        assert 0 <= x1 < x2 <= 160
        assert 0 <= y1 < y2 <= 160
        assert entry["shape_type"] == "rectangle"
        assert entry["special"]["area"] == pytest.approx((x2 - x1) * (y2 - y1), abs=0.1)
        assert 0 <= entry["conf"] <= 1
        assert entry["ground_true"] or entry["predict_code"]


def scores(results: list[dict[str, Any]]) -> tuple[int, int, int]:
    """How many are right, were found, are there: counted from the files, not from the entries."""
    right = found = there = 0
    for result in results:
        labels = labels_of(result["img_path"])
        there += len(labels)
        claims = [entry for entry in result["info"] if entry["predict_code"]]
        found += len(claims)
        for entry in sorted(claims, key=lambda entry: -entry["conf"]):
            overlaps = [iou(box_of(entry), box) for _, box in labels]
            best = max(overlaps, default=0.0)
            if best >= 0.5:
                code, _ = labels.pop(overlaps.index(best))
                right += code == entry["predict_code"]
    return right, found, there


def test_the_plates_are_the_same_every_time(data: Path, tmp_path: Path) -> None:
    def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
        for path in sorted(folder.rglob("*.*")):
            yield str(path.relative_to(folder)), path.read_bytes()

    assert list(contents(data)) == list(contents(prepare(tmp_path)))
    digest = hashlib.sha256()
    for name in ("train/0000", "val/0029", "test/0049"):
        with Image.open(data / f"{name}.png") as image:
            digest.update(image.tobytes())
        digest.update((data / f"{name}.json").read_bytes())
    assert digest.hexdigest()[:16] == PLATES


def test_every_plate_has_labels_within_it_and_some_are_empty(data: Path) -> None:
    images = sorted(data.rglob("*.png"))
    assert len(images) == 260
    labels = [labels_of(str(image)) for image in images]
    assert any(not boxes for boxes in labels)
    assert {code for boxes in labels for code, _ in boxes} == set("01234")
    for boxes in labels:
        for number, (_, box) in enumerate(boxes):
            assert 0 <= box[0] < box[2] <= 160
            assert 0 <= box[1] < box[3] <= 160
            assert all(iou(box, other) == 0 for _, other in boxes[:number])


def test_the_training_reports_every_batch_and_gets_better(played: Played) -> None:
    said = played.said(TaskKind.TRAIN, 2)
    assert len(said) == EPOCHS * (BATCHES + 1)
    assert [data["progress"] for data in said] == sorted(data["progress"] for data in said)
    assert said[-1]["progress"] == 1
    epochs = [data for data in said if "f1" in data]
    assert [data["epoch"] for data in epochs] == list(range(EPOCHS))
    assert epochs[-1]["loss"] < epochs[0]["loss"] / 2
    assert epochs[-1]["box_loss"] < epochs[0]["box_loss"] / 2
    assert epochs[0]["f1"] < 0.5 < 0.75 < epochs[-1]["f1"]
    names = sorted(
        path.name.split("_")[2] for path in model_files(played.example / "output/models")
    )
    assert names == [str(epoch) for epoch in range(EPOCHS)]


def test_the_last_f1_of_the_training_is_what_its_results_say(played: Played) -> None:
    right, found, there = scores(played.results(TaskKind.TRAIN))
    last = played.said(TaskKind.TRAIN, 2)[-1]
    assert last["f1"] == pytest.approx(2 * right / (found + there), abs=1e-4)
    assert last["precision"] == pytest.approx(right / found, abs=1e-4)
    assert last["recall"] == pytest.approx(right / there, abs=1e-4)


def test_the_detector_finds_what_it_has_never_seen(played: Played) -> None:
    right, found, there = scores(played.results(TaskKind.EVALUATE))
    assert there > 100
    assert 2 * right / (found + there) > 0.75


@pytest.mark.parametrize(("kind", "images"), [(TaskKind.TRAIN, 30), (TaskKind.EVALUATE, 50)])
def test_results_tell_found_missed_and_false_ones_apart(
    played: Played, kind: TaskKind, images: int
) -> None:
    results = played.results(kind)
    assert len({result["img_path"] for result in results}) == len(results) == images
    for result in results:
        check_form(result)
        labels = labels_of(result["img_path"])
        info = result["info"]
        truths = sorted(entry["ground_true"] for entry in info if entry["ground_true"])
        assert truths == sorted(code for code, _ in labels)  # each digit once
        for entry in info:
            same = [box for code, box in labels if code == entry["ground_true"]]
            overlap = max((iou(box_of(entry), box) for box in same), default=0.0)
            if not entry["predict_code"]:
                assert box_of(entry) in same
                assert entry["conf"] == 0
                assert entry["special"]["iou"] is None
            elif entry["ground_true"]:
                assert overlap >= 0.49  # positions are rounded
                assert entry["special"]["iou"] == pytest.approx(overlap, abs=0.02)
                assert entry["special"]["true_position"] is not None
            else:
                assert entry["special"]["iou"] is None
    outcomes = {
        (bool(entry["ground_true"]), bool(entry["predict_code"]))
        for result in results
        for entry in result["info"]
    }
    assert outcomes == {(True, True), (True, False), (False, True)}
    assert any(not result["info"] for result in results)  # an empty plate is a result as well


def test_an_inference_answers_in_the_same_form(played: Played) -> None:
    answer = played.result.reply
    names = read_dataset(played.data).examples(8)
    assert [result["img_path"] for result in answer] == [
        str(played.data / "test" / name) for name in names
    ]
    evaluated = {result["img_path"]: result for result in played.results(TaskKind.EVALUATE)}
    for result in answer:
        check_form(result)
        assert all(entry["ground_true"] == "" for entry in result["info"])
        claims = [e for e in evaluated[result["img_path"]]["info"] if e["predict_code"]]
        for said, before in zip(result["info"], claims, strict=True):
            for key in ("predict_code", "conf", "shape_type", "position"):
                assert said[key] == before[key]


def test_nothing_was_lost(played: Played) -> None:
    assert all(stats.complete for stats in played.stats.values())
    assert played.exits == [0, 0, 0]


def test_the_report_has_the_figures_of_the_page(played: Played) -> None:
    """False predictions count: among the judged ones, and in the matrix."""
    summary, text = played.summary, "\n".join(played.report)
    right, false = summary["outcomes"]["right"], summary["outcomes"]["false"]
    judged = sum(summary["outcomes"].values()) - summary["outcomes"]["none"]
    assert false > 0
    assert summary["accuracy"] == right / judged
    assert f"Evaluation: accuracy {right / judged:.4f} ({right} of {judged})" in text
    assert sum(n for _, _, n in summary["cells"]) == judged
    [none] = [line.split() for line in played.report if line.strip().startswith("(none)")]
    assert sum(int(cell) for cell in none[1:] if cell != "·") == false


def test_a_training_goes_on_from_a_model(played: Played, tmp_path: Path) -> None:
    example = copy_of_example(tmp_path / "defects")
    more = ("--data-dir", played.data / "val", "--special-params", '{"epochs": 1}')
    with Ui(tmp_path / "runs", example, *more) as ui:
        name = ui.post("start", kind="train")["instance"]
        ui.wait_state(name, "ready")
        body = ui.get("forms", instance=name)["requests"][1]["body"]
        body |= {"pretrained_model_path": str(played.result.model), "pretrained_epoch": EPOCHS}
        ui.post("send", instance=name, body=body)
        ui.wait_state(name, "ended")
    [journal] = (tmp_path / "runs").glob("*/train/journal")
    values = [message["value"] for message in read_journal(journal)]
    said = [value["data"] for value in values if value["mes_type"] == 2]
    assert {data["epoch"] for data in said} == {EPOCHS}
    # By ratio: a tenth of the 30 plates was held out.
    assert sum(value["mes_type"] == 3 for value in values) == 3
    first = played.said(TaskKind.TRAIN, 2)[0]
    assert said[0]["loss"] < first["loss"] / 2
    [model] = model_files(example / "output" / "models")
    assert model.name.split("_")[2] == str(EPOCHS)
