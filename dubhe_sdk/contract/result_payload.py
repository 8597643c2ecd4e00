"""The platform's JSON format of prediction results: contract, section 4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dubhe_sdk.contract.numbers import to_number


def details(
    img_path: Any,
    ground_true: Any,
    predict_code: Any,
    conf: Any,
    shape_type: Any = None,
    position: Sequence[Sequence[Any]] | None = None,
    special: Any = None,
) -> list[dict[str, Any]]:
    """Return the result of one image; see `Context.logResultDetails` for the arguments.

    An empty ``position`` gives an empty ``info`` and a ``bbox_cnt`` of 0.

    Raises:
        ValueError: a box has not four coordinates, or lacks the confidence that a negative
            ``conf`` asks for.
    """
    confidence = _number(conf)
    if position is None:
        info = [{"ground_true": ground_true, "predict_code": predict_code, "conf": confidence}]
        return [{"img_path": _path(img_path), "info": info}]
    own = isinstance(confidence, (int, float)) and confidence < 0
    boxes = [
        {
            "ground_true": ground_true,
            "predict_code": predict_code,
            "conf": _box_confidence(box) if own else confidence,
            "shape_type": shape_type,
            "position": _corners(box),
            "special": special,
        }
        for box in position
    ]
    return [{"img_path": _path(img_path), "bbox_cnt": len(boxes), "info": boxes}]


def _corners(box: Sequence[Any]) -> list[list[Any]]:
    if len(box) not in (4, 5):
        raise ValueError(f"a box of position is {box!r}, expected (x1, y1, x2, y2, box_conf)")
    x1, y1, x2, y2 = (_number(value) for value in list(box)[:4])
    return [[x1, y1], [x2, y2]]


def _box_confidence(box: Sequence[Any]) -> Any:
    if len(box) != 5:
        raise ValueError(
            f"conf is negative, which means each box's own, but a box of position is {box!r}, "
            "expected (x1, y1, x2, y2, box_conf)"
        )
    return _number(box[4])


def _number(value: Any) -> Any:
    """A plain number in place of a numpy or torch one, so that the reply can carry it too."""
    number = to_number(value)
    return value if number is None else number


def _path(value: Any) -> Any:
    return value if isinstance(value, str) else str(value)
