"""Many windows see the same digit: they vote on where and what it is."""

from dataclasses import dataclass

import numpy as np
from boxes import SAME, iou, suppress

VOTES = 16  # windows that see a digit as it should be seen; fewer make it less sure
APART = 0.3  # intersection over union of two digits at most


@dataclass(frozen=True)
class Detections:
    """n digits found on an image, the surest first.

    Attributes:
        classes: the indices of their classes.
        boxes: n rows (x1, y1, x2, y2) in pixels.
        confidences: n values from 0 to 1.
    """

    classes: np.ndarray
    boxes: np.ndarray
    confidences: np.ndarray


def vote(boxes: np.ndarray, shares: np.ndarray) -> Detections:
    """Return the digits that windows agree upon.

    Args:
        boxes: n boxes, where each window sees its digit.
        shares: n x classes, how probable each window finds each class.
    """
    sure = shares.sum(axis=1)
    kept = suppress(boxes, sure, APART)
    classes, places, confidences = [], [], []
    for overlaps in iou(boxes[kept], boxes):
        voters = np.flatnonzero(overlaps >= SAME)
        voters = voters[np.argsort(-sure[voters], kind="stable")][:VOTES]
        votes = shares[voters].sum(axis=0) / VOTES
        classes.append(votes.argmax())
        confidences.append(votes.max())
        places.append(np.average(boxes[voters], axis=0, weights=sure[voters]))
    order = np.argsort(-np.array(confidences), kind="stable")
    return Detections(
        np.array(classes, dtype=int)[order],
        np.array(places).reshape(-1, 4)[order],
        np.array(confidences)[order],
    )
