"""Precision and recall of a run at every confidence threshold, for each class and over all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dubhe_simulator.platform.evaluation import boxes
from dubhe_simulator.platform.evaluation.recent import Recent
from dubhe_simulator.platform.state.records import Run
from dubhe_simulator.platform.storage import result_queries
from dubhe_simulator.platform.storage.database import Database

MOST_POINTS = 400  # of a curve that is sent to a page
MOST_CLASSES = 1000  # whose AP is sent to a page
KEPT = 4
MATCH_IOU = 0.5
_COLUMNS = "result, truth, predicted, conf, shape_type, position, special"

Point = tuple[float, float, float]
"""Recall, precision and confidence."""
Claims = list[tuple[float, bool]]
"""Confidence, and whether it is right, of each prediction of a class; the most confident first."""


@dataclass(frozen=True)
class Scores:
    """What the curves are made of.

    Attributes:
        claims: by class.
        positives: how many of each class there truly are.
        average_precision: of each class that truly is there.
        mean_50_95: with boxes, the mean of AP over IoU thresholds from 0.5 to 0.95 and the classes.
        by_boxes: whether boxes were matched with true ones; else each prediction is right whose
            class is the true one.
        unknown_boxes: how many predictions with boxes lack the true one, if there is one that does.
    """

    claims: dict[str, Claims]
    positives: dict[str, int]
    average_precision: dict[str, float]
    mean_50_95: float | None
    by_boxes: bool
    unknown_boxes: int


class PrecisionRecall:
    """Computes the scores of a run once, and keeps those of the last runs.

    Args:
        database: the platform's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: Recent[Scores] = Recent(KEPT)
        self._curves: Recent[tuple[Claims, int, list[Point]]] = Recent(KEPT)  # while a point moves

    def curve(self, run: Run, name: str | None, confidence: float) -> dict[str, Any]:
        """Return the curve of a class or over all, and the working point on it.

        Args:
            run: whose results.
            name: the class; None for all predictions together.
            confidence: where the working point is.

        Returns:
            ``points`` are ``[recall, precision, confidence]`` from the highest confidence down.
            Averages are None where nothing is truly there.
        """
        # What is stored, not what is known: the last results of a run may still be on their way.
        version = result_queries.version(self._database, run.id)
        scores = self._recent.get((run.id, version), lambda: self._scores(run))
        claims, positives, points = self._curves.get(
            (run.id, version, name), lambda: _curve_of(scores, name)
        )
        known = scores.average_precision
        per_class = sorted(known.items(), key=lambda item: (item[1], item[0]))
        return {
            "by_boxes": scores.by_boxes,
            "unknown_boxes": scores.unknown_boxes,
            "points": reduced(points),
            "average_precision": (
                known.get(name) if name is not None else step_average(points, positives)
            ),
            "mean": sum(known.values()) / len(known) if known else None,
            "mean_50_95": scores.mean_50_95,
            "per_class": [
                {"class": of, "average_precision": value, "positives": scores.positives[of]}
                for of, value in per_class[:MOST_CLASSES]
            ],
            "working": working_point(claims, positives, confidence),
        }

    def _scores(self, run: Run) -> Scores:
        source = "predictions JOIN results ON result = id WHERE run = ? ORDER BY result, number"
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM {source}", (run.id,))
        found = boxes.boxes_in(row for row in rows if row[5] is not None)
        if found.complete and all(row[5] is not None for row in rows if row[1]):
            return _by_boxes(found)
        claims: dict[str, Claims] = {}
        positives: dict[str, int] = {}
        for _, truth, predicted, conf, *_ in rows:
            if truth:
                positives[truth] = positives.get(truth, 0) + 1
            if predicted:
                told = (1.0 if conf is None else conf, truth == predicted)
                claims.setdefault(predicted, []).append(told)
        for told_of_class in claims.values():
            told_of_class.sort(key=lambda claim: -claim[0])
        average = {
            name: step_average(curve_points(claims.get(name, []), number), number) or 0.0
            for name, number in positives.items()
        }
        return Scores(claims, positives, average, None, False, found.unknown)


def _by_boxes(found: boxes.Boxes) -> Scores:
    averages = boxes.mean_average_precision(found)
    names = sorted({*found.found, *found.true}, key=result_queries.natural)
    return Scores(
        claims={name: boxes.claims(found, name, MATCH_IOU) for name in names},
        positives={name: sum(map(len, true.values())) for name, true in found.true.items()},
        average_precision={name: at_50 for name, (at_50, _) in averages.items()},
        mean_50_95=sum(mean for _, mean in averages.values()) / len(averages),
        by_boxes=True,
        unknown_boxes=0,
    )


def _curve_of(scores: Scores, name: str | None) -> tuple[Claims, int, list[Point]]:
    """Return claims, positives and points of a class, or of all together."""
    if name is None:
        of_all = (claim for of_class in scores.claims.values() for claim in of_class)
        claims = sorted(of_all, key=lambda claim: -claim[0])
        positives = sum(scores.positives.values())
    else:
        claims, positives = scores.claims.get(name, []), scores.positives.get(name, 0)
    return claims, positives, curve_points(claims, positives)


def curve_points(claims: Claims, positives: int) -> list[Point]:
    """Return recall, precision and confidence at each confidence that occurs, descending.

    Args:
        claims: the most confident first.
        positives: how many there truly are; without any there is no curve.
    """
    points: list[Point] = []
    hits = 0
    for place, (conf, hit) in enumerate(claims, start=1):
        hits += hit
        last = place == len(claims) or claims[place][0] != conf
        if last and positives:
            points.append((hits / positives, hits / place, conf))
    return points


def step_average(points: list[Point], positives: int) -> float | None:
    """Return average precision: the precisions, weighted by the recall that each one adds.

    As scikit-learn's ``average_precision_score``, but what no prediction found adds nothing.
    """
    if not positives:
        return None
    before, area = 0.0, 0.0
    for recall, precision, _ in points:
        area += (recall - before) * precision
        before = recall
    return area


def reduced(points: list[Point]) -> list[Point]:
    """Return at most `MOST_POINTS` of a curve's points, the first and the last among them."""
    if len(points) <= MOST_POINTS:
        return points
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(place * step)] for place in range(MOST_POINTS)]


def working_point(claims: Claims, positives: int, confidence: float) -> dict[str, Any]:
    """Return what a threshold gives: counts, precision, recall and F1; None where undefined."""
    taken = [hit for conf, hit in claims if confidence <= 0 or conf >= confidence]
    hits = sum(taken)
    return {
        "confidence": confidence,
        "right": hits,
        "false": len(taken) - hits,
        "missed": positives - hits,
        "precision": hits / len(taken) if taken else None,
        "recall": hits / positives if positives else None,
        "f1": 2 * hits / (len(taken) + positives) if taken or positives else None,
    }
