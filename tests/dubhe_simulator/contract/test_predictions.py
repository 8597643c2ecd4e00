from __future__ import annotations

from dubhe_simulator.contract.predictions import (
    Prediction,
    accuracy,
    confusion,
    false_finds,
    predictions_in,
    results_in,
)
from dubhe_simulator.terminal.report import confusion_lines


def p(truth: str, predicted: str) -> Prediction:
    return Prediction(truth, predicted, 0.5)


def test_predictions_of_the_platforms_format() -> None:
    info = {"ground_true": 1, "predict_code": "1", "conf": 0.25}
    data = [{"img_path": "a.png", "info": [info, info]}]
    assert predictions_in(data) == [Prediction("1", "1", 0.25)] * 2
    assert [image.path for image in results_in(data)] == ["a.png"]


def test_an_inference_may_answer_with_a_list_of_results() -> None:
    image = {"img_path": "a.png", "info": [{"ground_true": "", "predict_code": "1", "conf": 1}]}
    assert len(predictions_in([[image], [image]])) == 2


def test_a_format_of_its_own_holds_no_predictions() -> None:
    for data in (None, 3, "x", {}, [], [1, None], {"info": 3}, {"info": [1]}):
        assert predictions_in(data) == []


def test_accuracy_counts_known_truths() -> None:
    assert accuracy([p("1", "1"), p("2", "1"), p("", "1")]) == 0.5
    assert accuracy([p("", "1")]) is None


def test_finds_where_nothing_is() -> None:
    assert false_finds([p("1", "1"), p("", "1"), p("", "2"), p("", "")]) == 2
    assert false_finds([p("", "1")]) == 0, "no truth is known at all"


def test_confusion() -> None:
    assert confusion([p("1", "1"), p("2", "1"), p("2", "1"), p("", "1")]) == {
        ("1", "1"): 1,
        ("2", "1"): 2,
    }


def test_the_matrix_is_sorted_by_number_and_aligned() -> None:
    lines = list(confusion_lines([p("10", "10"), p("2", "10"), p("2", "2")]))
    assert lines[2:] == [
        "         2  10",
        "     2   1   1",
        "    10   ·   1",
    ]


def test_chinese_labels_take_two_columns() -> None:
    lines = list(confusion_lines([p("划伤", "划伤"), p("ok", "划伤")]))
    assert lines[2:] == [
        "          ok 划伤",
        "     ok    ·    1",
        "   划伤    ·    1",
    ]


def test_many_classes_give_the_worst_pairs() -> None:
    many = [p(str(n), str(n)) for n in range(30)] + [p("1", "2")] * 3
    lines = list(confusion_lines(many))
    assert lines[1:] == ["Most often confused (truth → prediction)", "      3  1 → 2"]


def test_no_predictions_no_matrix() -> None:
    assert list(confusion_lines([p("", "1")])) == []
