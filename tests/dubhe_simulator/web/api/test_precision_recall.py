"""The curve of a run over the confidence threshold."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dubhe_simulator.ui import Journal, Ui

NAME = "net-local-forecast-1"
BOX, NEAR, FAR = [[0, 0], [10, 10]], [[0, 0], [10, 8]], [[50, 50], [60, 60]]


def report(ui: Ui, *infos: dict[str, Any]) -> int:
    journal = Journal(ui.runs / "1" / "evaluate", NAME)
    journal.start()
    for number, info in enumerate(infos):
        journal.report(3, [{"img_path": f"{number}.png", "info": [info]}])
    journal.end()
    ui.wait_state(NAME, "ended")
    return int(ui.runs_of(NAME)[0]["id"])


def info(truth: str, predicted: str, conf: float, **more: Any) -> dict[str, Any]:
    return {"ground_true": truth, "predict_code": predicted, "conf": conf, **more}


def test_of_classes(ui: Ui) -> None:
    run = report(
        ui, info("a", "a", 0.9), info("b", "a", 0.8), info("a", "a", 0.7), info("a", "b", 0.6)
    )
    found = ui.get("precision-recall", run=run, **{"class": "a"}, confidence=0.75)
    recalls, precisions, confidences = zip(*found["points"], strict=True)
    assert recalls == pytest.approx((1 / 3, 1 / 3, 2 / 3))
    assert precisions == pytest.approx((1, 1 / 2, 2 / 3))
    assert confidences == (0.9, 0.8, 0.7)
    assert found["average_precision"] == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    assert found["working"]["precision"] == 0.5
    assert found["working"]["recall"] == pytest.approx(1 / 3)
    assert not found["by_boxes"]
    assert [row["class"] for row in found["per_class"]] == ["b", "a"], "the worst first"
    overall = ui.get("precision-recall", run=run)
    assert overall["points"][-1] == pytest.approx([2 / 4, 2 / 4, 0.6])
    assert overall["mean"] == pytest.approx((0 + 5 / 9) / 2)


def test_of_boxes(ui: Ui) -> None:
    def true(position: Any) -> dict[str, Any]:
        return {"shape_type": "rectangle", "special": {"true_position": position}}

    run = report(
        ui,
        info("a", "a", 0.9, position=NEAR, **true(BOX)),
        info("a", "a", 0.8, position=FAR, **true(BOX)),  # paired by the algorithm, but far away
        info("a", "", 0.0, position=BOX, **true(None)),
    )
    found = ui.get("precision-recall", run=run, **{"class": "a"})
    assert found["by_boxes"]
    # One of three is found, first: precision 1 at recalls 0 to 0.33, of 101 levels.
    assert found["average_precision"] == pytest.approx(34 / 101)
    # Its IoU is 0.8: it counts at the seven thresholds from 0.5 to 0.8.
    assert found["mean_50_95"] == pytest.approx(34 / 101 * 7 / 10)
    assert found["working"]["missed"] == 2


def test_boxes_without_true_ones_are_rated_by_their_classes(ui: Ui) -> None:
    run = report(ui, info("a", "a", 0.9, position=BOX, shape_type="rectangle", special=None))
    found = ui.get("precision-recall", run=run)
    assert not found["by_boxes"]
    assert found["mean_50_95"] is None
    assert found["unknown_boxes"] == 1
