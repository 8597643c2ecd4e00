"""Data samples of MMDetection, MMSegmentation and MMPretrain, as results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.masks import (
    confidences,
    masked_shape,
    region_pairs,
    regions,
)
from dubhe_sdk.integrations.predictions import (
    CONFIDENCE,
    Shape,
    report_class,
    report_pairs,
    report_shapes,
)

Report = Callable[[Context], list[dict[str, Any]]]
"""Reports an image, and returns what is reported."""


def report_samples(
    ctx: Context, samples: Iterable[Any], classes: Sequence[str], confidence: float = CONFIDENCE
) -> list[dict[str, Any]]:
    """Report data samples as MMEngine's libraries have them; return what is reported.

    | library | prediction | truth, if it is known |
    |---|---|---|
    | MMDetection | ``pred_instances``, with ``masks`` as polygons | ``gt_instances`` |
    | MMSegmentation | ``pred_sem_seg``, ``seg_logits`` | ``gt_sem_seg`` |
    | MMPretrain | ``pred_label``, ``pred_score`` | ``gt_label`` |

    Boxes are x1, y1, x2, y2 in pixels of the original image; masks are as large as that.

    Args:
        ctx: of the task or the inference.
        samples: with ``img_path``, and one of these. Others are left out.
        classes: names by label; a label without one is its number.
        confidence: from which on an instance is reported, from 0 to 1.
    """
    reported = []
    for report in reports_of(samples, classes, confidence):
        reported += report(ctx)
    return reported


def reports_of(
    samples: Iterable[Any], classes: Sequence[str], confidence: float = CONFIDENCE
) -> Iterator[Report]:
    """Yield what reports each sample, and holds nothing of it that is large.

    Args:
        samples: as those of `report_samples`.
        classes: names by label; a label without one is its number.
        confidence: from which on an instance is reported, from 0 to 1.
    """
    for sample in samples:
        path = getattr(sample, "img_path", "")
        if "pred_instances" in sample:
            known = None
            if "gt_instances" in sample:
                known = list(_shapes(sample.gt_instances, classes))
            sure = sample.pred_instances
            if "scores" in sure:
                sure = sure[sure.scores >= confidence]  # before masks are looked at
            found = list(_shapes(sure, classes))
            yield partial(report_shapes, path=path, truth=known, found=found)
        elif "pred_sem_seg" in sample:
            yield _of_segmentation(sample, path, classes)
        elif "pred_label" in sample:
            best = int(sample.pred_label)
            truth = _name(int(sample.gt_label), classes) if "gt_label" in sample else None
            conf = float(sample.pred_score[best]) if "pred_score" in sample else 1.0
            code = _name(best, classes)
            yield partial(report_class, path=path, truth=truth, code=code, conf=conf)


def _of_segmentation(sample: Any, path: Any, classes: Sequence[str]) -> Report:
    found = regions(sample.pred_sem_seg.data, classes)
    truth = regions(sample.gt_sem_seg.data, classes) if "gt_sem_seg" in sample else None
    confs = None
    if "seg_logits" in sample and len(sample.seg_logits.data) == len(classes):
        confs = confidences(sample.seg_logits.data, found, classes)
    pairs = region_pairs(truth, found, confs)
    return partial(report_pairs, path=path, pairs=pairs)


def _shapes(instances: Any, classes: Sequence[str]) -> Iterator[Shape]:
    boxes = getattr(instances.bboxes, "tensor", instances.bboxes).tolist()
    labels = instances.labels.tolist()
    scores = instances.scores.tolist() if "scores" in instances else [None] * len(boxes)
    masks: Any = instances.masks if "masks" in instances else [None] * len(boxes)
    masks = masks.to_ndarray() if hasattr(masks, "to_ndarray") else masks  # of MMDetection's own
    for (x1, y1, x2, y2), label, score, mask in zip(boxes, labels, scores, masks, strict=True):
        code, box = _name(label, classes), (x1, y1, x2, y2)
        shape = None if mask is None else masked_shape(code, mask, score, box)
        yield shape or Shape(code, box, score)


def _name(label: int, classes: Sequence[str]) -> str:
    return classes[label] if label < len(classes) else str(label)
