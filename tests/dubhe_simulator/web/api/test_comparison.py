"""Two evaluations beside each other, through the platform's API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dubhe_simulator.ui import Journal, Ui

Image = tuple[str, list[tuple[str, str, float]]]


def evaluate(ui: Ui, number: int, *images: Image) -> int:
    """Report images as truth, prediction and confidence; return the run."""
    name = f"net-local-forecast-{number}"
    journal = Journal(ui.runs / str(number) / "evaluate", name)
    journal.start()
    for path, found in images:
        info = [{"ground_true": t, "predict_code": p, "conf": c} for t, p, c in found]
        journal.report(3, [{"img_path": path, "info": info}])
    journal.end()
    ui.wait_state(name, "ended")
    return int(ui.runs_of(name)[0]["id"])


def one(path: str, truth: str, predicted: str, conf: float = 0.9) -> Image:
    return path, [(truth, predicted, conf)]


OLD = (
    one("/d/stays.png", "a", "a"),
    one("/d/breaks.png", "a", "a"),
    one("/d/mends.png", "b", "a"),
    one("/d/other.png", "b", "a"),
    one("/d/same-mistake.png", "b", "a"),
    one("/d/gone.png", "b", "b"),
)
NEW = (
    one("/d/new.png", "a", "a"),
    one("/d/other.png", "b", "c"),
    one("/d/same-mistake.png", "b", "a", 0.5),
    one("/d/stays.png", "a", "a", 0.4),
    one("/d/breaks.png", "a", "b"),
    one("/d/mends.png", "b", "b"),
)


@pytest.fixture
def runs(ui: Ui) -> dict[str, Any]:
    return {"a": evaluate(ui, 1, *OLD), "b": evaluate(ui, 2, *NEW)}


def names(found: dict[str, Any]) -> list[tuple[str, str]]:
    assert found["total"] == len(found["items"])
    assert all(item["a"]["name"] == item["b"]["name"] for item in found["items"])
    return [(item["kind"], item["a"]["name"]) for item in found["items"]]


def test_images_that_changed(ui: Ui, runs: dict[str, Any]) -> None:
    found = ui.get("flips", **runs)
    assert names(found) == [
        ("broken", "breaks.png"),
        ("fixed", "mends.png"),
        ("other", "other.png"),
    ]
    assert found["counts"] == {"broken": 1, "fixed": 1, "other": 1}
    assert (found["both"], found["only_a"], found["only_b"]) == (5, 1, 1)
    broken = found["items"][0]
    assert broken["a"]["predictions"][0]["predicted"] == "a"
    assert broken["b"]["predictions"][0]["predicted"] == "b"
    assert (broken["a"]["outcome"], broken["b"]["outcome"]) == ("right", "wrong")
    assert names(ui.get("flips", **runs, kind="fixed")) == [("fixed", "mends.png")]
    page = ui.get("flips", **runs, offset=1, limit=1)
    assert page["total"] == 3
    assert [item["kind"] for item in page["items"]] == ["fixed"]


def test_images_of_a_cell_that_changed(ui: Ui, runs: dict[str, Any]) -> None:
    found = ui.get("flips", **runs, truth="b", predicted="a")
    assert names(found) == [("fixed", "mends.png"), ("other", "other.png")]
    assert names(ui.get("flips", **runs, truth="b", predicted="c")) == [("other", "other.png")]


def test_each_side_has_its_threshold(ui: Ui, runs: dict[str, Any]) -> None:
    found = names(ui.get("flips", **runs, confidence_b=0.45))
    assert ("broken", "stays.png") in found
    found = names(ui.get("flips", **runs, confidence_a=0.95, confidence_b=0.95))
    assert found == []
    comparison = ui.get("comparison", **runs, confidence_a=0.95)
    assert comparison["a"]["accuracy"] == 0
    assert comparison["b"]["accuracy"] == pytest.approx(3 / 6)


def test_where_one_run_knows_no_truth_no_change_is_for_better_or_worse(ui: Ui) -> None:
    a = evaluate(ui, 1, one("stays.png", "a", "a"), one("changes.png", "b", "b"))
    b = evaluate(ui, 2, one("stays.png", "", "a"), one("changes.png", "", "a"))
    assert names(ui.get("flips", a=a, b=b)) == [("other", "changes.png")]
    assert names(ui.get("flips", a=b, b=a)) == [("other", "changes.png")]


def test_figures_beside_each_other(ui: Ui, runs: dict[str, Any]) -> None:
    found = ui.get("comparison", **runs)
    assert found["a"]["accuracy"] == pytest.approx(3 / 6)
    assert found["b"]["accuracy"] == pytest.approx(3 / 6)
    classes = [*found["classes"], ""]
    cells = {(classes[t], classes[p]): (n, m) for t, p, n, m in found["cells"]}
    assert cells == {
        ("a", "a"): (2, 2),
        ("a", "b"): (0, 1),
        ("b", "a"): (3, 1),
        ("b", "b"): (1, 1),
        ("b", "c"): (0, 1),
    }
    assert found["cells"][0][2:] == [3, 1], "what changed most comes first"
    assert found["changed"] == 3
    quality = {row["class"]: row for row in found["per_class"]}
    assert quality["a"]["a"]["precision"] == pytest.approx(2 / 5)
    assert quality["a"]["b"]["precision"] == pytest.approx(2 / 3)
    assert quality["c"]["a"] is None


def test_moved_data_are_paired_below_the_folder_that_all_share(ui: Ui) -> None:
    a = evaluate(ui, 1, one("/old/x/1.png", "a", "a"), one("/old/y/1.png", "b", "b"))
    b = evaluate(ui, 2, one("/new/y/1.png", "b", "a"), one("/new/x/1.png", "a", "a"))
    found = ui.get("flips", a=a, b=b)
    assert (found["both"], found["only_a"], found["only_b"]) == (2, 0, 0)
    assert [item["a"]["img_path"] for item in found["items"]] == ["/old/y/1.png"]
    assert [item["b"]["img_path"] for item in found["items"]] == ["/new/y/1.png"]


def test_the_order_of_boxes_is_no_change_and_repeated_images_are_paired_in_order(ui: Ui) -> None:
    boxes = [("a", "a", 0.9), ("b", "", 0.0), ("", "c", 0.5)]
    a = evaluate(ui, 1, ("1.png", boxes), one("2.png", "a", "a"), one("2.png", "a", "b"))
    b = evaluate(ui, 2, ("1.png", boxes[::-1]), one("2.png", "a", "a"), one("2.png", "a", "a"))
    found = ui.get("flips", a=a, b=b)
    assert found["both"] == 3
    assert names(found) == [("fixed", "2.png")]


def test_a_run_that_does_not_exist_is_refused(ui: Ui) -> None:
    a = evaluate(ui, 1, one("1.png", "a", "a"))
    status, _, reply = ui.raw("GET", f"/api/flips?a={a}&b=99")
    assert status == 404
    assert b"there is no run 99" in reply
    assert ui.raw("GET", f"/api/comparison?a={a}")[0] == 400
