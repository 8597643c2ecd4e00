"""`report_shapes` and `report_class`: predictions beside the truth, in the platform's format.

Each thing on an image is one entry of ``info``. What was found is matched with what is there by
their boxes, the most confident first, whatever the classes: so a thing that was taken for another
one shows as such.

============  ================  ====================================================
ground_true   predict_code      meaning
============  ================  ====================================================
``"dent"``    ``"dent"``        found
``"dent"``    ``"scratch"``     found, taken for another class
``"dent"``    ``""``            missed; ``conf`` is 0 and ``position`` the true shape
``""``        ``"dent"``        a false alarm, or the truth is not known
============  ================  ====================================================
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dubhe_sdk.api.context import Context

MATCH_IOU = 0.5
"""Intersection over union of two boxes from which they are of the same thing."""
CONFIDENCE = 0.25
"""Confidence from which on something found is reported, unless said otherwise."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shape:
    """Something on an image.

    Attributes:
        code: its class.
        box: ``(x1, y1, x2, y2)``: two opposite corners in pixels of the original image, from its
            upper left corner; x2 and y2 are where the thing ends, so that ``x2 - x1`` is its width.
        conf: confidence from 0 to 1; None for the truth.
        points: a polygon's, in the same coordinates; None if there is only the box.
    """

    code: str
    box: Box
    conf: float | None = None
    points: tuple[tuple[float, float], ...] | None = None

    @classmethod
    def polygon(cls, code: str, points: tuple[tuple[float, float], ...]) -> Shape:
        """Return a polygon of the truth; its box is the one around it.

        Args:
            code: its class.
            points: at least one.
        """
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return cls(code, (min(xs), min(ys), max(xs), max(ys)), points=points)


Pair = tuple[Shape | None, Shape | None, float | None]
"""What is there, what was found, and their intersection over union."""


def report_class(
    ctx: Context, path: str | os.PathLike[str], truth: Any, code: Any, conf: Any
) -> list[dict[str, Any]]:
    """Report the class of an image; return what is reported.

    Args:
        ctx: of the task.
        path: the image's.
        truth: its true class; None if that is not known.
        code: the predicted class.
        conf: confidence from 0 to 1.
    """
    return ctx.logResultDetails(path, "" if truth is None else truth, code, conf)


def report_shapes(
    ctx: Context,
    path: str | os.PathLike[str],
    truth: Iterable[Shape] | None,
    found: Iterable[Shape],
) -> list[dict[str, Any]]:
    """Report what was found on an image beside what is there; return what is reported.

    ``special`` of each entry has ``iou`` with the true shape and, as ``true_position``, the points
    of that, from which the local platform computes mAP; both are None if there is none.

    Args:
        ctx: of the task.
        path: the image's.
        truth: what is there; None if that is not known.
        found: what was found, with confidences.

    Examples:
        >>> report_shapes(ctx, "a.png", [Shape("dent", (0, 0, 9, 9))],
        ...               [Shape("dent", (0, 0, 9, 8), 0.9)])
        [{'img_path': 'a.png', 'bbox_cnt': 1, 'info': [{'ground_true': 'dent',
        'predict_code': 'dent', 'conf': 0.9, 'shape_type': 'rectangle',
        'position': [[0.0, 0.0], [9.0, 8.0]],
        'special': {'iou': 0.8889, 'true_position': [[0.0, 0.0], [9.0, 9.0]]}}]}]
    """
    there = list(truth or ())
    sure = sorted(found, key=lambda shape: -(shape.conf or 0.0))
    matched = match([shape.box for shape in there], [shape.box for shape in sure])
    pairs: list[Pair] = []
    for shape, index in zip(sure, matched, strict=True):
        true = None if index is None else there[index]
        pairs.append((true, shape, None if true is None else iou(shape.box, true.box)))
    pairs += [(shape, None, None) for index, shape in enumerate(there) if index not in matched]
    return report_pairs(ctx, path, pairs)


def report_pairs(
    ctx: Context, path: str | os.PathLike[str], pairs: Iterable[Pair]
) -> list[dict[str, Any]]:
    """Report what was matched already; return what is reported.

    Args:
        ctx: of the task.
        path: the image's.
        pairs: what is there, what was found, and their intersection over union, from 0 to 1. What
            was missed or is a false alarm has None for the other and for that.
    """
    info = [_entry(true, found, overlap) for true, found, overlap in pairs]
    result = [{"img_path": os.fspath(path), "bbox_cnt": len(info), "info": info}]
    ctx.logResult(result)
    return result


def _entry(true: Shape | None, found: Shape | None, overlap: float | None) -> dict[str, Any]:
    shape = found or true
    assert shape is not None, "a pair is never of two that are not there"
    return {
        "ground_true": true.code if true else "",
        "predict_code": found.code if found else "",
        "conf": round(float(found.conf or 0.0), 4) if found else 0.0,
        "shape_type": "polygon" if shape.points else "rectangle",
        "position": _points(shape),
        "special": {
            "iou": None if overlap is None else round(overlap, 4),
            "true_position": _points(true) if true and found else None,
        },
    }


def _points(shape: Shape) -> list[list[float]]:
    x1, y1, x2, y2 = shape.box
    points = shape.points or ((x1, y1), (x2, y2))
    return [[round(float(x), 2), round(float(y), 2)] for x, y in points]


def match(there: Sequence[Box], found: Sequence[Box]) -> list[int | None]:
    """Return for each found box the index of the true one that it is, or None.

    Args:
        there: the true boxes. Each is chosen once.
        found: the most confident first: it chooses first, the one that it overlaps most.
    """
    left = set(range(len(there)))
    chosen: list[int | None] = []
    for box in found:
        overlap, index = max(((iou(box, there[index]), -index) for index in left), default=(0, 0))
        if overlap >= MATCH_IOU:
            left.remove(-index)
            chosen.append(-index)
        else:
            chosen.append(None)
    return chosen


def iou(a: Box, b: Box) -> float:
    """Return intersection over union of two boxes, from 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return float(common / (sum(areas) - common))
