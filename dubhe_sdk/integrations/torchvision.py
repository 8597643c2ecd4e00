"""Outputs of torchvision's models, and of any that have the same form, as results.

from dubhe_sdk.integrations.torchvision import report_detections

for path, output in zip(paths, model(images)):
    report_detections(ctx, path, output, classes, truth=truth[path])
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.masks import confidences, masked_shape, regions, report_regions
from dubhe_sdk.integrations.predictions import CONFIDENCE, Shape, report_class, report_shapes


def report_detections(
    ctx: Context,
    path: str | os.PathLike[str],
    output: Mapping[str, Any],
    classes: Sequence[str],
    *,
    truth: Iterable[Shape] | Mapping[str, Any] | None = None,
    confidence: float = CONFIDENCE,
) -> list[dict[str, Any]]:
    """Report what a detector found on an image; return what is reported.

    Args:
        ctx: of the task.
        path: the image's.
        output: ``boxes`` (n, 4) as x1, y1, x2, y2 in pixels, ``labels`` (n) and ``scores`` (n);
            with ``masks`` (n, 1, height, width), from 0 to 1, each thing is a polygon.
        classes: names by label. torchvision's label 0 is the background.
        truth: what is there, as `Shape` objects or as a target of torchvision's: ``boxes`` and
            ``labels``, and ``masks`` (n, height, width) if there are some. None if it is not known.
        confidence: from which on something found is reported, from 0 to 1.

    Examples:
        >>> report_detections(ctx, "a.png", model([image])[0], ["background", "dent"])
    """
    known = _shapes(truth, classes, 0.0) if isinstance(truth, Mapping) else truth
    found = _shapes(output, classes, confidence)
    return report_shapes(ctx, path, known, found)


def report_classifications(
    ctx: Context,
    paths: Iterable[str | os.PathLike[str]],
    logits: Any,
    classes: Sequence[str],
    *,
    truth: Iterable[Any] | None = None,
) -> list[dict[str, Any]]:
    """Report the classes of some images; return what is reported.

    Args:
        ctx: of the task.
        paths: the images'.
        logits: a tensor (n, classes) of scores before the softmax.
        classes: their names.
        truth: the number of each image's true class, or its name. None if it is not known.

    Examples:
        >>> report_classifications(ctx, paths, model(images), classes, truth=labels)
    """
    reported = []
    confs, best = logits.softmax(-1).max(-1)
    true = [None] * len(confs) if truth is None else [_name(one, classes) for one in truth]
    for path, code, conf, known in zip(paths, best.tolist(), confs.tolist(), true, strict=True):
        reported += report_class(ctx, path, known, classes[code], conf)
    return reported


def report_segmentation(
    ctx: Context,
    path: str | os.PathLike[str],
    logits: Any,
    classes: Sequence[str],
    *,
    truth: Any = None,
) -> list[dict[str, Any]]:
    """Report the semantic segmentation of an image; return what is reported.

    Args:
        ctx: of the task.
        path: the image's.
        logits: a tensor (classes, height, width) of scores before the softmax, as large as the
            original image.
        classes: names by number. The background is left out if it is named so.
        truth: (height, width): the number of each pixel's class; one without a name, as 255, is
            none. None if it is not known.

    Examples:
        >>> report_segmentation(ctx, "a.png", model([image])["out"][0], ["background", "road"])
    """
    found = regions(logits.argmax(0), classes)
    known = None if truth is None else regions(truth, classes)
    return report_regions(ctx, path, known, found, confidences(logits, found, classes))


def _name(value: Any, classes: Sequence[str]) -> str:
    return value if isinstance(value, str) else classes[int(value)]


def _shapes(
    output: Mapping[str, Any], classes: Sequence[str], confidence: float
) -> Iterator[Shape]:
    boxes, labels = output["boxes"].tolist(), output["labels"].tolist()
    scores = output["scores"].tolist() if "scores" in output else [None] * len(boxes)
    masks = output.get("masks", [None] * len(boxes))
    for (x1, y1, x2, y2), label, score, mask in zip(boxes, labels, scores, masks, strict=True):
        if score is None or score >= confidence:
            code, box = classes[label], (x1, y1, x2, y2)
            shape = None if mask is None else masked_shape(code, mask >= 0.5, score, box)
            yield shape or Shape(code, box, score)
