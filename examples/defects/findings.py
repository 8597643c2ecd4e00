"""What was found on an image beside what is there, and how good that is.

`Context.logResultDetails` says one class for all boxes of an image. Here every box has its own, so
this makes the same form itself, for `Context.logResult`. Each digit is one entry of ``info``:

- found: ``ground_true`` and ``predict_code`` are its true and its predicted class;
- missed: ``predict_code`` is ``""``, ``conf`` 0 and ``position`` the true box;
- a false alarm, or the truth is not known: ``ground_true`` is ``""``.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from boxes import iou, match
from data import Labels
from voting import Detections

NONE = ""  # the class of what is not there
UNKNOWN = Labels([], np.zeros((0, 4)))  # the truth of an image without labels


def findings(
    path: str, truth: Labels, found: Detections, codes: list[str], sure: float
) -> dict[str, Any]:
    """Return what the platform is told of an image.

    Args:
        path: the image.
        truth: what is on it.
        found: what was found on it.
        codes: the classes by index.
        sure: confidence from which on something found counts.
    """
    count = int((found.confidences >= sure).sum())
    boxes = found.boxes[:count]
    matched = match(truth.boxes, boxes)
    overlaps = iou(boxes, truth.boxes)
    info = []
    for number, index in enumerate(matched):
        true_code = NONE if index is None else truth.codes[index]
        true = None if index is None else truth.boxes[index]
        overlap = None if index is None else round(float(overlaps[number, index]), 4)
        code, conf = codes[found.classes[number]], float(found.confidences[number])
        info.append(entry(true_code, code, conf, boxes[number], overlap, true))
    for index, code in enumerate(truth.codes):
        if index not in matched:
            info.append(entry(code, NONE, 0.0, truth.boxes[index]))
    return {"img_path": path, "bbox_cnt": len(info), "info": info}


def entry(
    truth: str,
    code: str,
    conf: float,
    box: np.ndarray,
    overlap: float | None = None,
    true: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return one entry of ``info``; ``true`` is the true box, which the page draws beside it."""
    (x1, y1), (x2, y2) = corners = points(box)
    return {
        "ground_true": truth,
        "predict_code": code,
        "conf": round(conf, 4),
        "shape_type": "rectangle",
        "position": corners,
        "special": {
            "area": round((x2 - x1) * (y2 - y1), 1),
            "iou": overlap,
            "true_position": None if true is None else points(true),
        },
    }


def points(box: np.ndarray) -> list[list[float]]:
    """Return two opposite corners of a box."""
    x1, y1, x2, y2 = (round(float(value), 1) for value in box)
    return [[x1, y1], [x2, y2]]


def quality(results: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Return precision, recall and F1: right is what has the right class at the right place."""
    pairs = [(e["ground_true"], e["predict_code"]) for result in results for e in result["info"]]
    right = sum(truth == code for truth, code in pairs)
    found = sum(code != NONE for _, code in pairs)
    there = sum(truth != NONE for truth, _ in pairs)
    return {
        "precision": round(right / max(1, found), 4),
        "recall": round(right / max(1, there), 4),
        "f1": round(2 * right / max(1, found + there), 4),
    }
