"""Questions about a run's results, answered by the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dubhe_simulator.platform.storage.database import Database

# The outcome of a prediction at a confidence threshold. A prediction below the threshold counts as
# none; one that then has neither truth nor prediction is left out of every count.
OUTCOMES = ("right", "wrong", "missed", "false")

PREDICTED = "CASE WHEN conf < :confidence THEN '' ELSE predicted END"

OUTCOME = f"""CASE
  WHEN truth = {PREDICTED} THEN CASE WHEN truth = '' THEN 'none' ELSE 'right' END
  WHEN {PREDICTED} = '' THEN 'missed'
  WHEN truth = '' THEN CASE WHEN :labelled THEN 'false' ELSE 'none' END
  ELSE 'wrong' END"""
MISTAKES = ("wrong", "missed", "false")  # the gravest first


@dataclass(frozen=True)
class Filter:
    """Which images are wanted.

    Attributes:
        confidence: predictions below it count as none; 0 for all.
        outcome: ``all``; a mistake that any prediction must have; ``right``: no prediction has one.
        truth: class that a prediction must have as truth; ``""`` is none; None for any.
        predicted: class that the same prediction must have as prediction.
    """

    confidence: float = 0.0
    outcome: str = "all"
    truth: str | None = None
    predicted: str | None = None


def images(
    database: Database, run: int, labelled: bool, wanted: Filter, offset: int, limit: int
) -> tuple[int, list[dict[str, Any]]]:
    """Return how many images match, and some of them with their predictions."""
    values = _values(run, labelled, wanted)
    where = _where(wanted)
    (total,) = database.one(f"SELECT count(*) FROM results WHERE {where}", values)
    rows = database.rows(
        f"SELECT id, img_path, plain FROM results WHERE {where} "
        "ORDER BY id LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    )
    found = {
        id_: {
            "id": id_,
            "img_path": path,
            "name": _name(path),
            "predictions": [],
            "plain": plain,
        }
        for id_, path, plain in rows
    }
    marks = ", ".join(str(int(id_)) for id_ in found)
    columns = f"result, truth, {PREDICTED}, conf, {OUTCOME}, shape_type, position, special"
    sql = f"SELECT {columns} FROM predictions WHERE result IN ({marks}) ORDER BY result, number"
    for result, truth, predicted, conf, outcome, shape, position, special in database.rows(
        sql, values
    ):
        found[result]["predictions"].append(
            {
                "truth": truth,
                "predicted": predicted,
                "conf": conf,
                "outcome": outcome,
                "shape_type": shape,
                "position": position and json.loads(position),
                "special": special and json.loads(special),
            }
        )
    for image in found.values():
        outcomes = [prediction["outcome"] for prediction in image["predictions"]]
        image["outcome"] = _outcome_of_image(outcomes, labelled and image["plain"] is None)
    return total, list(found.values())


def summary(database: Database, run: int, labelled: bool, confidence: float) -> dict[str, Any]:
    """Return the confusion matrix and what follows from it."""
    values = {"run": run, "labelled": labelled, "confidence": _threshold(confidence)}
    source = "predictions JOIN results ON result = id WHERE run = :run"
    rows = database.rows(f"SELECT truth, {PREDICTED}, count(*) FROM {source} GROUP BY 1, 2", values)
    counts = {(truth, predicted): n for truth, predicted, n in rows if truth or predicted}
    classes = sorted({name for pair in counts for name in pair if name}, key=natural)
    outcomes = dict.fromkeys((*OUTCOMES, "none"), 0)
    for outcome, n in database.rows(f"SELECT {OUTCOME}, count(*) FROM {source} GROUP BY 1", values):
        outcomes[outcome] = n
    labels = [*classes, ""]
    judged = sum(n for pair, n in counts.items()) if labelled else 0
    right = sum(counts.get((name, name), 0) for name in classes)
    (number,) = database.one("SELECT count(*) FROM results WHERE run = ? AND plain IS NULL", (run,))
    return {
        "classes": classes,
        "matrix": [[counts.get((t, p), 0) for p in labels] for t in labels],
        "accuracy": right / judged if judged else None,
        "judged": judged,
        "per_class": [_quality(counts, name) for name in classes] if labelled else [],
        "images": number,
        "predictions": sum(counts.values()),
        "outcomes": outcomes,
    }


def plain_results(database: Database, run: int, limit: int) -> tuple[int, list[str]]:
    """Return how many results of the algorithm's own format a run has, and the last as JSON."""
    where = "FROM results WHERE run = ? AND plain IS NOT NULL"
    (total,) = database.one(f"SELECT count(*) {where}", (run,))
    rows = database.rows(f"SELECT plain {where} ORDER BY id DESC LIMIT ?", (run, limit))
    return total, [plain for (plain,) in reversed(rows)]


def all_predictions(database: Database, run: int, labelled: bool) -> Iterator[tuple[Any, ...]]:
    """Yield path, number, truth, prediction, confidence, outcome, shape, position, special."""
    columns = f"img_path, number, truth, predicted, conf, {OUTCOME}, shape_type, position, special"
    sql = f"SELECT {columns} FROM predictions JOIN results ON result = id WHERE run = :run"
    values = {"run": run, "labelled": labelled, "confidence": _threshold(0.0)}
    return database.stream(f"{sql} ORDER BY id, number", values)


def natural(name: str) -> tuple[int, int, str]:
    """Return a sort key: numbers by value, then the rest."""
    return (0, int(name), "") if name.isdecimal() and len(name) < 19 else (1, 0, name)


def _quality(counts: dict[tuple[str, str], int], name: str) -> dict[str, Any]:
    hits = counts.get((name, name), 0)
    support = sum(n for (truth, _), n in counts.items() if truth == name)
    claimed = sum(n for (_, predicted), n in counts.items() if predicted == name)
    return {
        "class": name,
        "precision": hits / claimed if claimed else None,
        "recall": hits / support if support else None,
        "f1": 2 * hits / (claimed + support) if claimed + support else None,
        "support": support,
    }


def _threshold(confidence: float) -> float:
    """Return what no confidence is below, if no threshold is wanted."""
    return confidence if confidence > 0 else float("-inf")


def _values(run: int, labelled: bool, wanted: Filter) -> dict[str, Any]:
    return {
        "run": run,
        "labelled": labelled,
        "confidence": _threshold(wanted.confidence),
        "outcome": wanted.outcome,
        "truth": wanted.truth,
        "predicted": wanted.predicted,
    }


def _where(wanted: Filter) -> str:
    conditions = []
    if wanted.truth is not None:
        conditions.append("truth = :truth")
    if wanted.predicted is not None:
        conditions.append(f"{PREDICTED} = :predicted")
    if wanted.outcome in MISTAKES:
        conditions.append(f"{OUTCOME} = :outcome")
    where = "run = :run"
    if conditions:
        inner = " AND ".join(conditions)
        where += f" AND EXISTS (SELECT 1 FROM predictions WHERE result = id AND {inner})"
    if wanted.outcome == "right":
        mistake = f"{OUTCOME} IN {MISTAKES}"
        where += " AND :labelled AND plain IS NULL"
        where += f" AND NOT EXISTS (SELECT 1 FROM predictions WHERE result = id AND {mistake})"
    return where


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _outcome_of_image(outcomes: list[str], labelled: bool) -> str:
    """Return the outcome on an image: the gravest of its predictions'.

    Where truths are known, nothing found in an image that holds nothing is right.
    """
    if not labelled:
        return "none"
    return next((outcome for outcome in MISTAKES if outcome in outcomes), "right")
