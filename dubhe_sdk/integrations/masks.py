"""Masks as results: the outline of a mask is one polygon, which is the form that the platform has.

    from dubhe_sdk.integrations.masks import masked_shape, report_regions

    shape = masked_shape("dent", mask, conf=0.9)        # an instance, for `report_shapes`
    report_regions(ctx, path, {"road": true_mask}, {"road": mask})      # a semantic segmentation

The outline runs along the edges of pixels, in the coordinates of `Shape`: a mask of the first
pixel alone is the square from (0, 0) to (1, 1). Nothing is simplified: whoever fills the polygon
has the mask again, pixel by pixel. A mask of several parts, or with holes, is one polygon too: to
the next part, and to a hole, it goes there and back along the same line, which encloses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.integrations.predictions import (
    MATCH_IOU,
    Box,
    Pair,
    Shape,
    report_pairs,
)

Points = tuple[tuple[float, float], ...]
_Corner = tuple[int, int]
_BACKGROUND = ("background", "__background__", "_background_")
_EAST, _SOUTH, _WEST, _NORTH = range(4)


def masked_shape(
    code: str, mask: Any, conf: float | None = None, box: Box | None = None
) -> Shape | None:
    """Return a mask as a `Shape`; None if no pixel belongs to it.

    Args:
        code: its class.
        mask: (height, width), in pixels of the original image: NumPy, PyTorch or Pillow; what is
            not 0 belongs to it.
        conf: confidence from 0 to 1; None for the truth.
        box: the detector's; None: that of the mask.
    """
    points = outline(mask)
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Shape(code, box or (min(xs), min(ys), max(xs), max(ys)), conf, points)


def report_regions(
    ctx: Context,
    path: str | os.PathLike[str],
    truth: Mapping[str, Any] | None,
    found: Mapping[str, Any],
    confs: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Report a semantic segmentation of an image; return what is reported.

    Each class is one entry: all of its pixels. It is found if their intersection over union, which
    is ``iou`` in ``special``, is at least 0.5. Otherwise it is missed, and a false alarm.

    Args:
        ctx: of the task.
        path: the image's.
        truth: class → mask, as for `masked_shape`; None if that is not known.
        found: class → mask. A class without a pixel is none, and so is the background.
        confs: class → confidence from 0 to 1; None: 1.

    Examples:
        >>> report_regions(ctx, "a.png", {"road": labels == 1}, {"road": predicted == 1})
    """
    return report_pairs(ctx, path, region_pairs(truth, found, confs))


def region_pairs(
    truth: Mapping[str, Any] | None,
    found: Mapping[str, Any],
    confs: Mapping[str, float] | None = None,
) -> list[Pair]:
    """Return what `report_regions` reports.

    Args:
        truth: class → mask; None if that is not known.
        found: class → mask.
        confs: class → confidence from 0 to 1; None: 1.
    """
    there, sure = _shapes(truth or {}, None), _shapes(found, confs or {})
    pairs: list[Pair] = []
    for code, shape in sure.items():
        overlap = _overlap((truth or {})[code], found[code]) if code in there else 0.0
        if overlap >= MATCH_IOU:
            pairs.append((there.pop(code), shape, overlap))
        else:
            pairs.append((None, shape, None))
    pairs += [(shape, None, None) for shape in there.values()]
    return pairs


def confidences(logits: Any, found: Mapping[str, Any], classes: Sequence[str]) -> dict[str, float]:
    """Return how sure a model is of each class, from 0 to 1: the mean over the pixels it has.

    Args:
        logits: a tensor (classes, height, width) of scores before the softmax.
        found: class → mask, as `regions` returns them.
        classes: names by number.
    """
    shares = logits.detach().softmax(0).cpu().numpy()
    return {code: float(shares[classes.index(code)][mask].mean()) for code, mask in found.items()}


def regions(labels: Any, classes: Sequence[str]) -> dict[str, Any]:
    """Return the mask of each class.

    Args:
        labels: (height, width): the number of each pixel's class. Numbers without a name, as 255
            for pixels that are to be ignored, belong to none.
        classes: names by number.
    """
    array = _array(labels)
    present = {int(number) for number in set(array.ravel().tolist())}
    return {code: array == number for number, code in enumerate(classes) if number in present}


def outline(mask: Any) -> Points:
    """Return the polygon around a mask; empty if no pixel belongs to it.

    Args:
        mask: as for `masked_shape`.

    Examples:
        >>> outline(numpy.ones((1, 1)))
        ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    """
    loops = _loops(_edges(_array(mask) != 0))
    return tuple((float(x), float(y)) for x, y in _joined(loops))


def _shapes(masks: Mapping[str, Any], confs: Mapping[str, float] | None) -> dict[str, Shape]:
    shapes = {}
    for code, mask in masks.items():
        conf = None if confs is None else confs.get(code, 1.0)
        shape = None if code in _BACKGROUND else masked_shape(code, mask, conf)
        if shape is not None:
            shapes[code] = shape
    return shapes


def _overlap(a: Any, b: Any) -> float:
    a, b = _array(a) != 0, _array(b) != 0
    return float((a & b).sum() / (a | b).sum())


def _array(values: Any) -> Any:
    """Return a NumPy array of two dimensions; its package is there, as masks are made of it."""
    import numpy

    array = numpy.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    array = array.squeeze(0) if array.ndim == 3 and len(array) == 1 else array
    if array.ndim != 2:
        raise ValueError(f"a mask has the shape {array.shape}, expected (height, width)")
    return array


def _edges(inside: Any) -> dict[tuple[_Corner, int], _Corner]:
    """Return from where in which direction an edge goes to where; the mask is to its right.

    Straight edges are one, however many pixels lie along them.
    """
    import numpy

    padded = numpy.pad(inside, 1)
    edges: dict[tuple[_Corner, int], _Corner] = {}
    # Upper and lower edges of pixels, then left and right ones: the same in the turned picture.
    for turned, ahead, back in ((padded, _EAST, _WEST), (padded.T, _NORTH, _SOUTH)):
        lower, upper = turned[1:], turned[:-1]
        for begins, direction in ((lower & ~upper, ahead), (upper & ~lower, back)):
            forward = direction in (_EAST, _SOUTH)
            change = numpy.diff(begins.astype(numpy.int8), axis=1)
            lines, firsts = numpy.nonzero(change == 1)
            lasts = numpy.nonzero(change == -1)[1]
            for line, first, last in zip(
                lines.tolist(), firsts.tolist(), lasts.tolist(), strict=True
            ):
                start, end = (first, last) if forward else (last, first)
                if direction in (_EAST, _WEST):
                    edges[(start, line), direction] = (end, line)
                else:
                    edges[(line, start), direction] = (line, end)
    return edges


def _loops(edges: dict[tuple[_Corner, int], _Corner]) -> list[list[_Corner]]:
    """Return the closed lines that the edges make. Pixels that touch at a corner are together."""
    loops = []
    while edges:
        (corner, direction), end = next(iter(edges.items()))
        loop = []
        while (corner, direction) in edges:
            end = edges.pop((corner, direction))
            loop.append(corner)
            left, right = (direction - 1) % 4, (direction + 1) % 4
            direction = left if (end, left) in edges else right
            corner = end
        loops.append(loop)
    return loops


def _joined(loops: list[list[_Corner]]) -> list[_Corner]:
    """Return one closed line: from the first corner of each loop to that of the next, and back."""
    line: list[_Corner] = []
    for loop in loops:
        line += [*loop, loop[0]]
    if len(loops) == 1:
        return line[:-1]
    back = [loop[0] for loop in loops[-2:0:-1]]
    return line + back
