"""Precision and recall at every threshold are those of scikit-learn."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from dubhe_simulator.platform.evaluation.precision_recall import (
    MOST_POINTS,
    Claims,
    curve_points,
    reduced,
    step_average,
    working_point,
)


def claims(number: int) -> tuple[Claims, int]:
    """Predictions of a class, many of equal confidence, and how many there truly are."""
    chance = random.Random(11)
    confidences = [round(chance.random(), 2) for _ in range(number)]
    told = [(conf, chance.random() < conf) for conf in confidences]
    return sorted(told, key=lambda claim: -claim[0]), sum(hit for _, hit in told)


def test_curve_and_average_are_those_of_scikit_learn() -> None:
    told, positives = claims(1000)
    truth = np.array([hit for _, hit in told])
    scores = np.array([conf for conf, _ in told])
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    points = curve_points(told, positives)
    assert [p[2] for p in points] == pytest.approx(thresholds[::-1])
    assert [p[1] for p in points] == pytest.approx(precision[:-1][::-1])
    assert [p[0] for p in points] == pytest.approx(recall[:-1][::-1])
    expected = average_precision_score(truth, scores)
    assert step_average(points, positives) == pytest.approx(expected)


def test_what_nothing_found_adds_nothing() -> None:
    told, positives = claims(1000)
    whole = step_average(curve_points(told, positives), positives)
    half = step_average(curve_points(told, 2 * positives), 2 * positives)
    assert whole is not None
    assert half == pytest.approx(whole / 2)


def test_nothing_there() -> None:
    assert curve_points([(0.9, False)], 0) == []
    assert step_average([], 0) is None
    assert working_point([], 0, 0.5)["f1"] is None


def test_the_working_point_counts_what_is_not_below_it() -> None:
    told = [(0.9, True), (0.5, False), (0.5, True), (0.4, True)]
    found = working_point(told, 4, 0.5)
    assert (found["right"], found["false"], found["missed"]) == (2, 1, 2)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == 0.5
    assert found["f1"] == pytest.approx(4 / 7)
    assert working_point(told, 4, 0.0)["right"] == 3


def test_a_long_curve_keeps_its_ends() -> None:
    points = [(n / 9999, 1.0, 1 - n / 9999) for n in range(10_000)]
    few = reduced(points)
    assert len(few) == MOST_POINTS
    assert (few[0], few[-1]) == (points[0], points[-1])
