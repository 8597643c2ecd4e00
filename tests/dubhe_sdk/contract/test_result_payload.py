from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dubhe_sdk.contract.result_payload import details
from dubhe_sdk.reporting.encoding import dumps

BOXES = [(1, 2, 3, 4, 0.9), (5, 6, 7, 8, 0.8), (9, 10, 11, 12, 0.7)]


def entry(box: tuple[float, ...], conf: float, **more: Any) -> dict[str, Any]:
    return {
        "ground_true": "A",
        "predict_code": "B",
        "conf": conf,
        "shape_type": None,
        "position": [[box[0], box[1]], [box[2], box[3]]],
        "special": None,
        **more,
    }


def test_without_position_exactly_three_keys() -> None:
    assert details("a.png", "A", "B", 0.5) == [
        {"img_path": "a.png", "info": [{"ground_true": "A", "predict_code": "B", "conf": 0.5}]}
    ]


def test_without_position_shape_and_special_are_not_reported() -> None:
    assert details("a.png", "A", "B", 0.5, "rect", None, {"x": 1}) == details(
        "a.png", "A", "B", 0.5
    )


def test_each_box_is_one_entry_the_last_one_too() -> None:
    (result,) = details("a.png", "A", "B", 0.5, "rectangle", BOXES, {"depth": 1})
    assert list(result) == ["img_path", "bbox_cnt", "info"]
    assert result["bbox_cnt"] == 3 == len(result["info"])
    assert result["info"] == [
        entry(box, 0.5, shape_type="rectangle", special={"depth": 1}) for box in BOXES
    ]


def test_a_negative_conf_means_each_boxs_own() -> None:
    (result,) = details("a.png", "A", "B", -1, None, BOXES)
    assert result["info"] == [entry(box, box[4]) for box in BOXES]


@pytest.mark.parametrize("conf", [0, 0.0, 0.5, 1])
def test_any_other_conf_is_the_boxes(conf: float) -> None:
    (result,) = details("a.png", "A", "B", conf, None, BOXES)
    assert [info["conf"] for info in result["info"]] == [conf] * 3


def test_one_box() -> None:
    (result,) = details("a.png", "A", "B", 0.5, None, BOXES[:1])
    assert result["bbox_cnt"] == 1
    assert result["info"] == [entry(BOXES[0], 0.5)]


@pytest.mark.parametrize("position", [[], (), np.zeros((0, 5))])
def test_no_box_at_all(position: Any) -> None:
    assert details("a.png", "A", "B", 0.5, None, position) == [
        {"img_path": "a.png", "info": [{"ground_true": "A", "predict_code": "B", "conf": 0.5}]}
    ]


def test_numpy_and_paths_become_plain() -> None:
    result = details(Path("d/a.png"), "A", "B", np.float32(-1), None, np.array(BOXES))
    assert result == details("d/a.png", "A", "B", -1, None, BOXES)
    # An HTTP framework that knows nothing of numpy could send it too.
    assert json.loads(json.dumps(result)) == json.loads(dumps(result))


def test_boxes_without_confidence() -> None:
    (result,) = details("a.png", "A", "B", 0.5, None, [(1, 2, 3, 4)])
    assert result["info"] == [entry((1, 2, 3, 4), 0.5)]
    with pytest.raises(ValueError, match="conf is negative, which means each box's own"):
        details("a.png", "A", "B", -1, None, [(1, 2, 3, 4)])


@pytest.mark.parametrize(
    "box",
    [
        (),
        (1, 2, 3),
        (1, 2, 3, 4, 5, 6),
        (1, 2, 3, "right"),
        (1, 2, None, 4),
        [[1, 2], [3, 4]],
        np.zeros((4, 2)),
        "1234",
        {"x1": 1, "y1": 2, "x2": 3, "y2": 4},
        7,
        None,
        np.float32(0.5),
    ],
    ids=repr,
)
def test_a_malformed_box_is_refused(box: Any) -> None:
    with pytest.raises(
        ValueError, match=r"box of position is .*expected \(x1, y1, x2, y2, box_conf"
    ):
        details("a.png", "A", "B", 0.5, None, [(1, 2, 3, 4), box])


def test_a_boxs_confidence_matters_only_where_it_is_asked_for() -> None:
    (result,) = details("a.png", "A", "B", 0.5, None, [(1, 2, 3, 4, None)])
    assert result["info"] == [entry((1, 2, 3, 4), 0.5)]
    with pytest.raises(ValueError, match="each box's own"):
        details("a.png", "A", "B", -1, None, [(1, 2, 3, 4, None)])


def test_a_single_box_in_place_of_a_list_is_explained() -> None:
    with pytest.raises(ValueError, match=r"write \[box\] if position is a single box"):
        details("a.png", "A", "B", 0.5, None, (1, 2, 3, 4, 0.9))


@pytest.mark.parametrize("position", [7, 0.5, "boxes", {"boxes": []}], ids=repr)
def test_a_position_that_holds_no_boxes_is_refused(position: Any) -> None:
    with pytest.raises(ValueError, match="expected a list of boxes"):
        details("a.png", "A", "B", 0.5, None, position)


def test_the_callers_boxes_are_not_changed() -> None:
    boxes = [list(box) for box in BOXES]
    details("a.png", "A", "B", -1, None, boxes)
    assert boxes == [list(box) for box in BOXES]
