"""Predictions beside the truth, in the platform's format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dubhe_sdk import Context
from dubhe_sdk.integrations.predictions import Shape, iou, match, report_class, report_shapes

Reported = Callable[[], list[Any]]


def test_found_mistaken_missed_and_false(ctx: Context, reported: Reported) -> None:
    truth = [
        Shape("dent", (0, 0, 10, 10)),
        Shape("dent", (20, 0, 30, 10)),
        Shape("scratch", (40, 0, 50, 10)),
    ]
    found = [
        Shape("dent", (0, 0, 10, 8), 0.7),
        Shape("scratch", (20, 0, 30, 10), 0.9),
        Shape("dent", (90, 0, 99, 9), 0.8),
    ]
    (image,) = report_shapes(ctx, "a.png", truth, found)
    rows = [(one["ground_true"], one["predict_code"], one["conf"]) for one in image["info"]]
    assert rows == [
        ("dent", "scratch", 0.9),
        ("", "dent", 0.8),
        ("dent", "dent", 0.7),
        ("scratch", "", 0.0),
    ]
    assert image["info"][2]["special"] == {
        "iou": 0.8,
        "true_position": [[0.0, 0.0], [10.0, 10.0]],
    }
    assert image["info"][3]["position"] == [[40.0, 0.0], [50.0, 10.0]]
    assert image["bbox_cnt"] == 4
    assert reported() == [[image]]


def test_polygons_and_an_unknown_truth(ctx: Context) -> None:
    points = ((0, 0), (9, 0), (4.567, 8))
    (image,) = report_shapes(ctx, "a.png", None, [Shape("dent", (0, 0, 9, 8), 0.5, points)])
    (entry,) = image["info"]
    assert entry["shape_type"] == "polygon"
    assert entry["position"] == [[0.0, 0.0], [9.0, 0.0], [4.57, 8.0]]
    assert entry["ground_true"] == ""


def test_nothing_there_and_nothing_found(ctx: Context, reported: Reported) -> None:
    assert report_shapes(ctx, "a.png", [], []) == [{"img_path": "a.png", "bbox_cnt": 0, "info": []}]
    assert len(reported()) == 1


def test_classes(ctx: Context, reported: Reported) -> None:
    report_class(ctx, "a.png", "dent", "scratch", 0.5)
    report_class(ctx, "b.png", None, "scratch", 0.5)
    assert [image["info"][0]["ground_true"] for (image,) in reported()] == ["dent", ""]


def test_a_true_box_is_chosen_once_and_by_the_most_confident() -> None:
    true = [(0.0, 0.0, 10.0, 10.0)]
    assert match(true, [(0, 0, 10, 9), (0, 0, 10, 10)]) == [0, None]
    assert match([], [(0, 0, 1, 1)]) == [None]
    assert match([(0, 0, 10, 10), (0, 0, 10, 9)], [(0, 0, 10, 9)]) == [1]


def test_overlap() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0
