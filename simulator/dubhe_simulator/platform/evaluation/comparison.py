"""Two runs' results beside each other: what changed from one to the other.

Results belong together if they are of the same image. If the runs name no image by the same path,
as after the data were moved, the folder that all images of a run share is left out of the paths.
An image that a run reported several times is paired in order: first with first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from dubhe_simulator.platform.evaluation.recent import Recent
from dubhe_simulator.platform.state.records import Run
from dubhe_simulator.platform.storage import result_queries
from dubhe_simulator.platform.storage.database import Database

FLIPS = ("broken", "fixed", "other")
"""Right → a mistake; a mistake → right; neither is right, and the predictions differ. Where a run
knows no truths nothing is right or a mistake, so every change of predictions is an other one."""
KEPT = 4  # comparisons
_RIGHT = "right"
_Images = dict[tuple[str, int], tuple[int, str, list[tuple[str, str]]]]


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        run: whose results.
        confidence: predictions below it count as none; 0 for all.
    """

    run: Run
    confidence: float = 0.0


@dataclass(frozen=True)
class Flips:
    """The images that changed.

    Attributes:
        pairs: the results' ids and which of `FLIPS` it is, in the order of the first run.
        both: how many images both runs have.
        only_a: how many only the first one has.
        only_b: how many only the second one has.
    """

    pairs: list[tuple[int, int, str]]
    both: int
    only_a: int
    only_b: int

    def counts(self) -> dict[str, int]:
        """Return how many images there are of each kind."""
        return {**dict.fromkeys(FLIPS, 0), **Counter(kind for _, _, kind in self.pairs)}


class Comparisons:
    """Compares, and keeps the last results for those who page through them.

    Args:
        database: the platform's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: Recent[Flips] = Recent(KEPT)

    def figures(self, a: Side, b: Side) -> dict[str, Any]:
        """Return both summaries, the classes of both, and the cells in which they differ.

        ``cells`` are ``[truth, prediction, number in a, number in b]``, places in ``classes`` as
        in `result_queries.summary`: first those that changed most.
        """
        found = [
            result_queries.summary(
                self._database, side.run.id, side.run.labelled, side.confidence, most=None
            )
            for side in (a, b)
        ]
        classes = sorted({name for one in found for name in one["classes"]},
                         key=result_queries.natural)  # fmt: skip
        places = {name: place for place, name in enumerate([*classes, ""])}
        counts: dict[tuple[int, int], list[int]] = {}
        for side, one in enumerate(found):
            own = [*one["classes"], ""]
            for truth, predicted, n in one.pop("cells"):
                cell = places[own[truth]], places[own[predicted]]
                counts.setdefault(cell, [0, 0])[side] = n
        cells = [(*cell, *numbers) for cell, numbers in counts.items()]
        cells.sort(key=lambda cell: (-abs(cell[3] - cell[2]), cell))
        changed = sum(cell[2] != cell[3] for cell in cells)
        return {
            "classes": classes,
            "cells": cells[: result_queries.MOST_CONFUSIONS],
            "changed": changed,
            "per_class": _per_class(classes, [one.pop("per_class") for one in found]),
            "a": {**found[0], "truth": a.run.labelled},
            "b": {**found[1], "truth": b.run.labelled},
        }

    def flips(self, a: Side, b: Side) -> Flips:
        """Return the images whose predictions changed."""
        # What is stored, not what is known: the last results of a run may still be on their way.
        key = tuple(
            (
                side.run.id,
                side.confidence,
                result_queries.version(self._database, side.run.id),
                side.run.labelled,
            )
            for side in (a, b)
        )
        return self._recent.get(key, lambda: self._compare(a, b))

    def selected(
        self, a: Side, b: Side, kind: str | None, truth: str | None, predicted: str | None
    ) -> list[tuple[int, int, str]]:
        """Return the pairs of a kind, or of all, in which a cell of the matrices changed.

        Args:
            a: the first run.
            b: the second.
            kind: one of `FLIPS`; None for all.
            truth: class that a prediction of one side, but not of the other, must have as truth.
            predicted: class that the same prediction must have; both or neither are given.
        """
        pairs = self.flips(a, b).pairs
        if kind is not None:
            pairs = [pair for pair in pairs if pair[2] == kind]
        if truth is None or predicted is None:
            return pairs
        had, has = (self._having(side, truth, predicted) for side in (a, b))
        return [pair for pair in pairs if (pair[0] in had) != (pair[1] in has)]

    def _having(self, side: Side, truth: str, predicted: str) -> set[int]:
        sql = (
            "SELECT DISTINCT id FROM results JOIN predictions ON result = id "
            f"WHERE run = :run AND truth = :truth AND {result_queries.PREDICTED} = :predicted"
        )
        values = {"run": side.run.id, "truth": truth, "predicted": predicted,
                  "confidence": result_queries.threshold(side.confidence)}  # fmt: skip
        return {id_ for (id_,) in self._database.rows(sql, values)}

    def _compare(self, a: Side, b: Side) -> Flips:
        def whole(path: str) -> str:
            return path

        found = [self._images(side, whole) for side in (a, b)]
        if found[0].keys().isdisjoint(found[1]):
            found = [self._images(side, self._below_shared_folder(side)) for side in (a, b)]
        first, second = found
        if not (a.run.labelled and b.run.labelled):
            first, second = map(_without_truth, found)
        pairs = []
        both = 0
        for name, (id_a, outcome_a, said_a) in first.items():
            if name not in second:
                continue
            both += 1
            id_b, outcome_b, said_b = second[name]
            if (outcome_a == _RIGHT) != (outcome_b == _RIGHT):
                pairs.append((id_a, id_b, "broken" if outcome_a == _RIGHT else "fixed"))
            elif outcome_a != _RIGHT and said_a != said_b:
                pairs.append((id_a, id_b, "other"))
        return Flips(pairs, both, len(first) - both, len(second) - both)

    def _images(self, side: Side, name: Callable[[str], str]) -> _Images:
        """Return id, outcome and what was found of each image by its name and occurrence."""
        sql = (
            f"SELECT id, img_path, truth, {result_queries.PREDICTED} "
            "FROM results LEFT JOIN predictions ON result = id "
            "WHERE run = :run AND plain IS NULL ORDER BY id, number"
        )
        values = {"run": side.run.id, "confidence": result_queries.threshold(side.confidence)}
        labelled = side.run.labelled
        paths: dict[int, str] = {}
        said: dict[int, list[tuple[str, str]]] = {}
        for id_, path, truth, predicted in self._database.rows(sql, values):
            paths[id_] = path
            found = said.setdefault(id_, [])
            if truth or predicted:
                found.append((truth, predicted))
        images: _Images = {}
        times: Counter[str] = Counter()
        for id_, found in said.items():
            found.sort()  # the order in which they were found says nothing
            shown = name(paths[id_])
            outcome = result_queries.outcome_of_image(
                [result_queries.outcome(*pair, labelled) for pair in found], labelled
            )
            images[shown, times[shown]] = (id_, outcome, found)
            times[shown] += 1
        return images

    def _below_shared_folder(self, side: Side) -> Callable[[str], str]:
        ends = self._database.one(
            "SELECT min(img_path), max(img_path) FROM results WHERE run = ? AND plain IS NULL",
            (side.run.id,),
        )
        # The folders that the first and the last one in order share, all others share, too.
        first, last = ((end or "").split("/")[:-1] for end in ends)
        shared = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
        length = sum(len(folder) + 1 for folder, _ in shared)
        return lambda path: path[length:]


def _without_truth(images: _Images) -> _Images:
    """Return images as they are where nobody knows what is right: their predictions alone."""
    return {
        name: (id_, "none", sorted(("", predicted) for _, predicted in found if predicted))
        for name, (id_, _, found) in images.items()
    }


def _per_class(classes: list[str], qualities: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return for each class its figures in both runs; None where a run does not have it."""
    known = [{row["class"]: row for row in rows} for rows in qualities]
    return [{"class": name, "a": known[0].get(name), "b": known[1].get(name)} for name in classes]
