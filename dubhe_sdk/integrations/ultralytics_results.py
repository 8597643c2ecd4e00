"""Ultralytics' validation batches and results, as shapes and classes of the platform's results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler
from ultralytics.utils import ops

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.masks import Points, outline
from dubhe_sdk.integrations.predictions import Box, Shape, report_class, report_shapes


def report_results(
    ctx: Context, results: Iterable[Any], truth: Callable[[str], Any] | None = None
) -> list[dict[str, Any]]:
    """Report Ultralytics' results, as ``model(…)`` returns them; return what is reported.

    Args:
        ctx: of the task or the inference.
        results: ``ultralytics.engine.results.Results``.
        truth: called with an image's path; returns its class, or its `Shape` objects. None if the
            truth is not known.

    Examples:
        >>> return report_results(ctx, model(paths))      # in an inference
    """
    reported = []
    for result in results:
        known = None if truth is None else truth(result.path)
        if result.probs is not None:
            code, conf = result.names[int(result.probs.top1)], float(result.probs.top1conf)
            reported += report_class(ctx, result.path, known, code, conf)
        else:
            reported += report_shapes(ctx, result.path, known, _shapes(result))
    return reported


def _shapes(result: Any) -> Iterator[Shape]:
    polygons: list[Any] | None
    if result.obb is not None:
        corners = result.obb.xyxyxyxy.tolist()
        boxes, polygons = result.obb, [tuple(map(tuple, points)) for points in corners]
    else:
        boxes = result.boxes
        polygons = None
        if result.masks is not None:
            polygons = _outlines(result.masks.data, result.orig_shape)
    for index, (box, conf, cls) in enumerate(
        zip(boxes.xyxy.tolist(), boxes.conf.tolist(), boxes.cls.tolist(), strict=True)
    ):
        points = polygons[index] if polygons else None
        yield Shape(result.names[int(cls)], _box(box), conf, points or None)


def in_order(validator: Any) -> Iterator[str]:
    """Have a classification's images come in an order that is known; return their paths.

    Its batches do not name their images, and Ultralytics shuffles them, in a validation too.
    """
    loader = validator.dataloader
    sampler = loader.sampler
    if isinstance(sampler, RandomSampler):
        sampler = SequentialSampler(loader.dataset)
        validator.dataloader = DataLoader(
            loader.dataset,
            loader.batch_size,
            sampler=sampler,
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
        )
    return iter([loader.dataset.samples[number][0] for number in sampler])


def true_polygons(validator: Any) -> dict[str, dict[str, Any]]:
    """Return the labels of a segmentation's images that have polygons, by the images' paths.

    A batch has but masks of them, of a quarter of the size, and in an order of their own.
    """
    if validator.args.task != "segment":
        return {}
    labels = getattr(validator.dataloader.dataset, "labels", ())  # of Ultralytics' own data set
    return {label["im_file"]: label for label in labels if len(label["segments"])}


def true_shapes(
    batch: dict[str, Any], index: int, names: Any, label: dict[str, Any] | None = None
) -> Iterator[Shape]:
    """Yield what is on an image of a batch.

    Args:
        batch: of a validation; its boxes are centre and size, as shares.
        index: the image's in the batch.
        names: of the classes, by number.
        label: the image's, of `true_polygons`; None: only its boxes are known.
    """
    if label is not None:
        height, width = batch["ori_shape"][index]
        for cls, segment in zip(label["cls"].flatten(), label["segments"], strict=True):
            points = tuple((x * width, y * height) for x, y in segment.tolist())
            yield Shape.polygon(names[int(cls)], points)
        return
    mine = batch["batch_idx"] == index
    height, width = batch["img"].shape[2:]
    boxes = ops.xywh2xyxy(batch["bboxes"][mine][:, :4])
    boxes[:, [0, 2]] *= width
    boxes[:, [1, 3]] *= height
    classes = batch["cls"][mine].flatten().tolist()
    for box, cls in zip(_original(boxes, batch, index), classes, strict=True):
        yield Shape(names[int(cls)], box)


def found_shapes(
    pred: dict[str, Any], batch: dict[str, Any], index: int, names: Any, confidence: float
) -> Iterator[Shape]:
    """Yield what was found on an image of a batch, from a confidence on."""
    sure = pred["conf"] >= confidence
    boxes = _original(pred["bboxes"][sure][:, :4], batch, index)
    polygons: list[Any] = [None] * len(boxes)
    if "masks" in pred and len(boxes):
        polygons = _outlines(pred["masks"][sure], batch["ori_shape"][index])
    classes, confs = pred["cls"][sure].tolist(), pred["conf"][sure].tolist()
    for box, cls, conf, points in zip(boxes, classes, confs, polygons, strict=True):
        yield Shape(names[int(cls)], box, conf, points or None)


def _outlines(masks: Any, shape: tuple[int, int]) -> list[Points]:
    """Return polygons in pixels of the original image around masks of the scaled and padded one."""
    found = []
    for mask in masks:
        points = numpy.array(outline(mask), float).reshape(-1, 2)
        scaled = ops.scale_coords(mask.shape, points, shape, normalize=False)
        found.append(tuple((float(x), float(y)) for x, y in scaled.tolist()))
    return found


def _original(boxes: Any, batch: dict[str, Any], index: int) -> list[Box]:
    """Return corners in pixels of the original image, from those of the scaled and padded one."""
    shape, ratio_pad = batch["ori_shape"][index], batch["ratio_pad"][index]
    scaled = ops.scale_boxes(batch["img"].shape[2:], boxes.clone(), shape, ratio_pad=ratio_pad)
    return [_box(box) for box in scaled.tolist()]


def _box(values: list[float]) -> Box:
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2
