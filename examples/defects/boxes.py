"""Geometry of boxes: arrays of n rows (x1, y1, x2, y2) in pixels."""

import numpy as np

SAME = 0.5  # intersection over union from which two boxes are of the same thing


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return intersection over union of each of n boxes with each of m boxes, n x m."""
    a, b = a[:, None], b[None, :]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = sides.clip(min=0).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (a, b)]
    return common / np.maximum(areas[0] + areas[1] - common, 1e-9)


def suppress(boxes: np.ndarray, confidences: np.ndarray, limit: float) -> np.ndarray:
    """Return the indices of the boxes to keep, the most confident first.

    Of boxes that overlap by more than ``limit``, the most confident one stays.
    """
    kept: list[int] = []
    left = np.argsort(-confidences, kind="stable")
    while len(left):
        best, others = left[0], left[1:]
        kept.append(int(best))
        left = others[iou(boxes[[best]], boxes[others])[0] <= limit]
    return np.array(kept, dtype=int)


def match(truth: np.ndarray, found: np.ndarray) -> list[int | None]:
    """Return for each found box the index of the true box that it is, or None.

    Args:
        truth: n boxes.
        found: m boxes, the most confident first: it chooses first, the one that it overlaps most.
            A true box is chosen once.
    """
    overlaps = iou(found, truth)
    chosen: list[int | None] = []
    for row in overlaps:
        best = int(row.argmax()) if row.size else -1
        if best >= 0 and row[best] >= SAME:
            chosen.append(best)
            overlaps[:, best] = 0
        else:
            chosen.append(None)
    return chosen
