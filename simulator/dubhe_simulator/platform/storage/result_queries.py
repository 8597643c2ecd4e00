"""Questions about a run's results, answered by the database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
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
MOST_CONFUSIONS = 10_000  # that are sent to a page
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
    return total, list(_with_predictions(database, rows, labelled, wanted.confidence).values())


def by_id(
    database: Database, ids: Iterable[int], labelled: bool, confidence: float
) -> dict[int, dict[str, Any]]:
    """Return some images with their predictions, as `images` does, by their ids."""
    marks = ", ".join(str(int(id_)) for id_ in ids)
    rows = database.rows(f"SELECT id, img_path, plain FROM results WHERE id IN ({marks})")
    return _with_predictions(database, rows, labelled, confidence)


def _with_predictions(
    database: Database, rows: list[tuple[Any, ...]], labelled: bool, confidence: float
) -> dict[int, dict[str, Any]]:
    values = {"labelled": labelled, "confidence": threshold(confidence)}
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
        image["outcome"] = outcome_of_image(outcomes, labelled and image["plain"] is None)
    return found


def summary(
    database: Database,
    run: int,
    labelled: bool,
    confidence: float,
    most: int | None = MOST_CONFUSIONS,
) -> dict[str, Any]:
    """Return the confusion matrix and what follows from it.

    ``cells`` are the cells that are not 0, as ``[truth, prediction, number]``: two places in
    ``classes``, one past the last for none. Confusions come first, the most frequent at the
    beginning. Where there are many classes (each text that was read from a plate is one), a matrix
    would have millions of cells, so nothing here has one for each pair. ``confusions`` is how many
    confusions there are, should they be more than ``most``, which are returned; None for all.
    """
    values = {"run": run, "confidence": threshold(confidence)}
    source = "predictions JOIN results ON result = id WHERE run = :run"
    sql = f"SELECT truth, {PREDICTED}, count(*) FROM {source} GROUP BY 1, 2"
    rows = list(database.rows(sql, values))
    counts = {(truth, predicted): n for truth, predicted, n in rows if truth or predicted}
    classes = sorted({name for pair in counts for name in pair if name}, key=natural)
    outcomes = dict.fromkeys((*OUTCOMES, "none"), 0)
    for truth, predicted, n in rows:
        outcomes[outcome(truth, predicted, labelled)] += n
    cells, confusions = _cells(counts, classes, most)
    judged = sum(n for pair, n in counts.items()) if labelled else 0
    right = sum(counts.get((name, name), 0) for name in classes)
    (number,) = database.one("SELECT count(*) FROM results WHERE run = ? AND plain IS NULL", (run,))
    return {
        "classes": classes,
        "cells": cells,
        "confusions": confusions,
        "accuracy": right / judged if judged else None,
        "judged": judged,
        "per_class": _quality(counts, classes) if labelled else [],
        "images": number,
        "predictions": sum(counts.values()),
        "outcomes": outcomes,
    }


def version(database: Database, run: int) -> tuple[int, ...]:
    """Return what changes with each result that is stored of a run."""
    sql = "SELECT count(*), coalesce(max(id), 0) FROM results WHERE run = ?"
    return database.one(sql, (run,))


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
    values = {"run": run, "labelled": labelled, "confidence": threshold(0.0)}
    return database.stream(f"{sql} ORDER BY id, number", values)


def natural(name: str) -> tuple[int, int, str]:
    """Return a sort key: numbers by value, then the rest."""
    return (0, int(name), "") if name.isdecimal() and len(name) < 19 else (1, 0, name)


def outcome(truth: str, predicted: str, labelled: bool) -> str:
    """Return what `OUTCOME` gives."""
    if truth == predicted:
        return "right" if truth else "none"
    if not predicted:
        return "missed"
    if not truth:
        return "false" if labelled else "none"
    return "wrong"


def _cells(
    counts: dict[tuple[str, str], int], classes: list[str], most: int | None
) -> tuple[list[tuple[int, int, int]], int]:
    places = {name: place for place, name in enumerate([*classes, ""])}
    cells = [(places[truth], places[predicted], n) for (truth, predicted), n in counts.items()]
    cells.sort(key=lambda cell: (-cell[2], cell))
    wrong = [cell for cell in cells if cell[0] != cell[1]]
    right = [cell for cell in cells if cell[0] == cell[1]]
    return wrong[:most] + right, len(wrong)


def _quality(counts: dict[tuple[str, str], int], classes: list[str]) -> list[dict[str, Any]]:
    support: Counter[str] = Counter()
    claimed: Counter[str] = Counter()
    for (truth, predicted), n in counts.items():
        support[truth] += n
        claimed[predicted] += n
    return [
        {
            "class": name,
            "precision": hits / claimed[name] if claimed[name] else None,
            "recall": hits / support[name] if support[name] else None,
            "f1": 2 * hits / (claimed[name] + support[name]),
            "support": support[name],
        }
        for name in classes
        for hits in (counts.get((name, name), 0),)
    ]


def threshold(confidence: float) -> float:
    """Return what no confidence is below, if no threshold is wanted."""
    return confidence if confidence > 0 else float("-inf")


def _values(run: int, labelled: bool, wanted: Filter) -> dict[str, Any]:
    return {
        "run": run,
        "labelled": labelled,
        "confidence": threshold(wanted.confidence),
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


def outcome_of_image(outcomes: list[str], labelled: bool) -> str:
    """Return the outcome on an image: the gravest of its predictions'.

    Where truths are known, nothing found in an image that holds nothing is right.
    """
    if not labelled:
        return "none"
    return next((outcome for outcome in MISTAKES if outcome in outcomes), "right")
