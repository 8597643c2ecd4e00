"""Found boxes against true ones by intersection over union (IoU), as COCO counts.

A prediction says where it is by its ``position``, and where the true thing is by the key
``true_position`` of its ``special``: corner points as in ``position``. What was missed has the true
position in ``position``. How the algorithm paired them does not matter here: for each class and
image the most confident box chooses first the free true box that it overlaps most.

The numbers are those of pycocotools with its defaults (all areas, at most 100 boxes of a class on
an image, 101 points of recall): https://cocodataset.org/#detection-eval
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Box = tuple[float, float, float, float]
TRUE_POSITION = "true_position"
THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
MOST_BOXES = 100  # of a class on an image
RECALLS = tuple(step * 0.01 for step in range(101))  # as numpy has them: 0.57 is a little more
_SAME = 1e-10  # pycocotools takes an overlap that is less by this for as large as the threshold


@dataclass
class Boxes:
    """The boxes of a run, by class and image.

    Attributes:
        found: confidence and box of each prediction.
        true: the true boxes.
        unknown: how many predictions have a true class, but no true box.
    """

    found: dict[str, dict[int, list[tuple[float, Box]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    true: dict[str, dict[int, list[Box]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    unknown: int = 0

    @property
    def complete(self) -> bool:
        """Whether every true box is known, and there is one."""
        return bool(self.true) and self.unknown == 0


def boxes_in(rows: Iterable[tuple[Any, ...]]) -> Boxes:
    """Collect boxes.

    Args:
        rows: result, truth, prediction, confidence, shape, and as JSON position and special.
    """
    boxes = Boxes()
    for result, truth, predicted, conf, shape, position, special in rows:
        box = _bounds(shape, json.loads(position)) if position else None
        if predicted and box is not None:
            boxes.found[predicted][result].append((1.0 if conf is None else conf, box))
        if not truth:
            continue
        true = box
        if predicted:
            given = json.loads(special) if special else None
            true = _bounds(shape, given.get(TRUE_POSITION)) if isinstance(given, dict) else None
        if true is None:
            boxes.unknown += 1
        else:
            boxes.true[truth][result].append(true)
    return boxes


def claims(boxes: Boxes, name: str, threshold: float) -> list[tuple[float, bool]]:
    """Return confidence, and whether it is a true one, of each found box of a class.

    Args:
        boxes: of a run.
        name: the class.
        threshold: IoU from which on two boxes are of the same thing.

    Returns:
        The most confident first.
    """
    told = []
    for image, found in boxes.found.get(name, {}).items():
        true = boxes.true.get(name, {}).get(image, [])
        free = set(range(len(true)))
        for conf, box in sorted(found, key=lambda one: -one[0])[:MOST_BOXES]:
            best, chosen = min(threshold, 1 - _SAME), None
            for index in sorted(free):
                overlap = iou(box, true[index])
                if overlap >= best:
                    best, chosen = overlap, index
            if chosen is not None:
                free.remove(chosen)
            told.append((conf, chosen is not None))
    return sorted(told, key=lambda one: -one[0])


def average_precision(told: list[tuple[float, bool]], positives: int) -> float:
    """Return the mean, over 101 levels of recall, of the best precision from there on.

    Args:
        told: of `claims`.
        positives: how many true boxes there are, at least 1.
    """
    recalls, precisions, hits = [], [], 0
    for place, (_, hit) in enumerate(told, start=1):
        hits += hit
        recalls.append(hits / positives)
        precisions.append(hits / place)
    for place in range(len(precisions) - 1, 0, -1):
        precisions[place - 1] = max(precisions[place - 1], precisions[place])
    places = (bisect_left(recalls, recall) for recall in RECALLS)
    return sum(precisions[place] for place in places if place < len(precisions)) / len(RECALLS)


def mean_average_precision(boxes: Boxes) -> dict[str, tuple[float, float]]:
    """Return for each class that has true boxes AP at an IoU of 0.5, and the mean of 0.5 to 0.95.

    Examples:
        >>> mean_average_precision(boxes)
        {'dent': (0.91, 0.62), 'scratch': (0.74, 0.41)}
    """
    found = {}
    for name, true in boxes.true.items():
        positives = sum(map(len, true.values()))
        values = [average_precision(claims(boxes, name, t), positives) for t in THRESHOLDS]
        found[name] = values[0], sum(values) / len(values)
    return found


def iou(a: Box, b: Box) -> float:
    """Return intersection over union of two boxes ``(x1, y1, x2, y2)``, from 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    if common == 0:  # of sides too short for a float
        return 0.0
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def _bounds(shape: str | None, points: Any) -> Box | None:
    """Return the box around the points of a shape; None if they are none."""
    try:
        xs, ys = zip(*((float(x), float(y)) for x, y in points), strict=True)
    except (TypeError, ValueError, OverflowError):
        return None
    if (shape or "").lower() == "circle" and len(xs) == 2:  # its centre and a point on it
        radius = math.hypot(xs[1] - xs[0], ys[1] - ys[0])
        return xs[0] - radius, ys[0] - radius, xs[0] + radius, ys[0] + radius
    return min(xs), min(ys), max(xs), max(ys)
