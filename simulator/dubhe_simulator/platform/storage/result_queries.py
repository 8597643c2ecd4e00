"""Questions about a run's results, answered by the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dubhe_simulator.platform.storage.database import Store
from dubhe_simulator.platform.storage.verdicts import (
    MISTAKES,
    PREDICTED,
    VERDICT,
    VERDICTS,
    of_image,
)


@dataclass(frozen=True)
class Filter:
    """Which images are wanted.

    Attributes:
        confidence: predictions below it count as none; 0 for all.
        verdict: ``all``; a mistake that any finding must have; ``right``: no finding has one.
        truth: class that a finding must have as truth; ``""`` is none; None for any.
        predicted: class that the same finding must have as prediction.
    """

    confidence: float = 0.0
    verdict: str = "all"
    truth: str | None = None
    predicted: str | None = None


def images(
    store: Store, run: int, labelled: bool, wanted: Filter, offset: int, limit: int
) -> tuple[int, list[dict[str, Any]]]:
    """Return how many images match, and some of them with their findings."""
    values = _values(run, labelled, wanted)
    where = _where(wanted)
    (total,) = store.one(f"SELECT count(*) FROM results WHERE {where}", values)
    rows = store.rows(
        f"SELECT id, img_path FROM results WHERE {where} ORDER BY id LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    )
    found = {
        id_: {"id": id_, "img_path": path, "name": _name(path), "findings": []}
        for id_, path in rows
    }
    marks = ", ".join(str(int(id_)) for id_ in found)
    columns = f"result, truth, {PREDICTED}, conf, {VERDICT}, shape_type, position, special"
    sql = f"SELECT {columns} FROM findings WHERE result IN ({marks}) ORDER BY result, number"
    for result, truth, predicted, conf, verdict, shape, position, special in store.rows(
        sql, values
    ):
        found[result]["findings"].append(
            {
                "truth": truth,
                "predicted": predicted,
                "conf": conf,
                "verdict": verdict,
                "shape_type": shape,
                "position": position and json.loads(position),
                "special": special and json.loads(special),
            }
        )
    for image in found.values():
        image["verdict"] = of_image([finding["verdict"] for finding in image["findings"]], labelled)
    return total, list(found.values())


def summary(store: Store, run: int, labelled: bool, confidence: float) -> dict[str, Any]:
    """Return the confusion matrix and what follows from it."""
    values = {"run": run, "labelled": labelled, "confidence": _threshold(confidence)}
    source = "findings JOIN results ON result = id WHERE run = :run"
    rows = store.rows(f"SELECT truth, {PREDICTED}, count(*) FROM {source} GROUP BY 1, 2", values)
    counts = {(truth, predicted): n for truth, predicted, n in rows if truth or predicted}
    classes = sorted({name for pair in counts for name in pair if name}, key=natural)
    verdicts = dict.fromkeys((*VERDICTS, "none"), 0)
    for verdict, n in store.rows(f"SELECT {VERDICT}, count(*) FROM {source} GROUP BY 1", values):
        verdicts[verdict] = n
    labels = [*classes, ""]
    judged = sum(n for pair, n in counts.items()) if labelled else 0
    right = sum(counts.get((name, name), 0) for name in classes)
    (number,) = store.one("SELECT count(*) FROM results WHERE run = ?", (run,))
    return {
        "classes": classes,
        "matrix": [[counts.get((t, p), 0) for p in labels] for t in labels],
        "accuracy": right / judged if judged else None,
        "per_class": [_quality(counts, name) for name in classes] if labelled else [],
        "images": number,
        "findings": sum(counts.values()),
        "verdicts": verdicts,
    }


def all_findings(store: Store, run: int, labelled: bool) -> Iterator[tuple[Any, ...]]:
    """Yield path, number, truth, prediction, confidence, verdict, shape, position, special."""
    columns = f"img_path, number, truth, predicted, conf, {VERDICT}, shape_type, position, special"
    sql = f"SELECT {columns} FROM findings JOIN results ON result = id WHERE run = :run"
    values = {"run": run, "labelled": labelled, "confidence": _threshold(0.0)}
    return store.stream(f"{sql} ORDER BY id, number", values)


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
        "verdict": wanted.verdict,
        "truth": wanted.truth,
        "predicted": wanted.predicted,
    }


def _where(wanted: Filter) -> str:
    conditions = []
    if wanted.truth is not None:
        conditions.append("truth = :truth")
    if wanted.predicted is not None:
        conditions.append(f"{PREDICTED} = :predicted")
    if wanted.verdict in MISTAKES:
        conditions.append(f"{VERDICT} = :verdict")
    where = "run = :run"
    if conditions:
        inner = " AND ".join(conditions)
        where += f" AND EXISTS (SELECT 1 FROM findings WHERE result = id AND {inner})"
    if wanted.verdict == "right":
        mistake = f"{VERDICT} IN {MISTAKES}"
        where += " AND :labelled"
        where += f" AND NOT EXISTS (SELECT 1 FROM findings WHERE result = id AND {mistake})"
    return where


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
