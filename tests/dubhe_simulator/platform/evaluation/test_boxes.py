"""Average precision of boxes is that of pycocotools."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from dubhe_simulator.platform.evaluation.boxes import boxes_in, iou, mean_average_precision

CLASSES = ("dent", "scratch", "pore")
# Of the same boxes by pycocotools 2.0.11: COCOeval(truth, found, "bbox") with its defaults;
# `stats[1]` and `stats[0]`, and by class the means of `eval["precision"][:, :, class, 0, 2]`.
MEAN_50, MEAN_50_95 = 0.3577547788367226, 0.12290645955602533
BY_CLASS = {
    "dent": (0.2828128966742829, 0.10330061386453981),
    "pore": (0.3029811772386029, 0.09615541090659473),
    "scratch": (0.4874702625972819, 0.16926335389694153),
}

Row = tuple[Any, ...]


def scene() -> list[Row]:
    """Forty images: things found more or less well, missed, mistaken, and found twice."""
    chance = random.Random(7)
    rows: list[Row] = []
    for image in range(40):
        for _ in range(chance.randrange(6)):
            x, y = chance.uniform(0, 200), chance.uniform(0, 200)
            width, height = chance.uniform(10, 60), chance.uniform(10, 60)
            name = chance.choice(CLASSES)
            true = [[x, y], [x + width, y + height]]
            kind = chance.random()
            if kind < 0.2:
                rows.append(row(image, name, "", 0.0, true))
                continue
            found = [[at + chance.gauss(0, 4) for at in point] for point in true]
            taken_for = name if kind < 0.9 else chance.choice(CLASSES)
            rows.append(row(image, name, taken_for, round(chance.random(), 3), found, true))
            if kind > 0.7:
                again = [[at + chance.gauss(0, 8) for at in point] for point in true]
                rows.append(row(image, "", taken_for, round(chance.random(), 3), again))
    return rows


def row(
    image: int, truth: str, predicted: str, conf: float, position: Any, true: Any = None
) -> Row:
    special = json.dumps({"true_position": true})
    return image, truth, predicted, conf, "rectangle", json.dumps(position), special


def test_the_averages_are_those_of_pycocotools() -> None:
    boxes = boxes_in(scene())
    assert boxes.complete
    found = mean_average_precision(boxes)
    assert found.keys() == BY_CLASS.keys()
    for name, values in BY_CLASS.items():
        assert found[name] == pytest.approx(values, abs=1e-12)
    assert sum(at_50 for at_50, _ in found.values()) / 3 == pytest.approx(MEAN_50, abs=1e-12)
    assert sum(mean for _, mean in found.values()) / 3 == pytest.approx(MEAN_50_95, abs=1e-12)


def test_boxes_without_their_true_ones_are_counted_and_make_it_incomplete() -> None:
    box = [[0, 0], [9, 9]]
    found = boxes_in(
        [row(1, "a", "a", 0.9, box, box), (1, "a", "a", 0.8, None, json.dumps(box), '"own"')]
    )
    assert found.unknown == 1
    assert not found.complete


def test_the_box_around_other_shapes() -> None:
    circle = json.dumps([[50, 50], [53, 54]])
    triangle = json.dumps([[0, 0], [10, 0], [5, 8]])
    found = boxes_in(
        [(1, "a", "", 0.0, "circle", circle, None), (1, "b", "", 0.0, "polygon", triangle, None)]
    )
    assert found.true["a"][1] == [(45, 45, 55, 55)]
    assert found.true["b"][1] == [(0, 0, 10, 8)]


def test_overlap() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 5)) == 0.5
    assert iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_a_true_position_beyond_all_numbers_is_none() -> None:
    far = [[0, 0], [10**400, 1]]
    boxes = boxes_in([row(1, "dent", "dent", 0.9, [[0, 0], [1, 1]], far)])
    assert boxes.unknown == 1
    special = json.dumps({"true_position": [[0, 0], [1e200, 0]]})
    circle = (1, "dent", "dent", 0.9, "circle", "[[0, 0], [1e200, 0]]", special)
    assert boxes_in([circle]).complete
