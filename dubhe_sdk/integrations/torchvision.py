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
        output: ``boxes`` (n, 4) as x1, y1, x2, y2 in pixels, ``labels`` (n) and ``scores`` (n).
        classes: names by label. torchvision's label 0 is the background.
        truth: what is there, as `Shape` objects or as a target of torchvision's: ``boxes`` and
            ``labels``. None if it is not known.
        confidence: from which on something found is reported, from 0 to 1.

    Examples:
        >>> report_detections(ctx, "a.png", model([image])[0], ["background", "dent"])
    """
    known = _shapes(truth, classes) if isinstance(truth, Mapping) else truth
    found = (shape for shape in _shapes(output, classes) if (shape.conf or 0) >= confidence)
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


def _name(value: Any, classes: Sequence[str]) -> str:
    return value if isinstance(value, str) else classes[int(value)]


def _shapes(output: Mapping[str, Any], classes: Sequence[str]) -> Iterator[Shape]:
    boxes, labels = output["boxes"].tolist(), output["labels"].tolist()
    scores = output["scores"].tolist() if "scores" in output else [None] * len(boxes)
    for (x1, y1, x2, y2), label, score in zip(boxes, labels, scores, strict=True):
        yield Shape(classes[label], (x1, y1, x2, y2), score)
