"""The platform's JSON format of prediction results, as the platform's contract has it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
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

    An empty ``position``, which means that nothing was found, is the same as none.

    Raises:
        ValueError: ``position`` is not a sequence of boxes, or a box does not have four or five
            numbers, or lacks the confidence that a negative ``conf`` asks for.
    """
    confidence = _number(conf)
    found = [] if position is None else _boxes(position)
    if not found:
        info = [{"ground_true": ground_true, "predict_code": predict_code, "conf": confidence}]
        return [{"img_path": _path(img_path), "info": info}]
    own = isinstance(confidence, (int, float)) and confidence < 0
    boxes = [
        {
            "ground_true": ground_true,
            "predict_code": predict_code,
            "conf": _box_confidence(box) if own else confidence,
            "shape_type": shape_type,
            "position": [box[:2], box[2:4]],
            "special": special,
        }
        for box in found
    ]
    return [{"img_path": _path(img_path), "bbox_cnt": len(boxes), "info": boxes}]


_EXPECTED = "expected (x1, y1, x2, y2, box_conf)"


def _boxes(position: Any) -> list[list[Any]]:
    if isinstance(position, (str, bytes, Mapping)) or not isinstance(position, Iterable):
        raise ValueError(
            f"position is {_short(position)}, expected a list of boxes (x1, y1, x2, y2, box_conf)"
        )
    return [_box(box) for box in position]


def _box(box: Any) -> list[Any]:
    """Return a box as a list of four coordinates, and its confidence if it has one."""
    if isinstance(box, (str, bytes, Mapping)) or not isinstance(box, Iterable):
        hint = ": write [box] if position is a single box" if to_number(box) is not None else ""
        raise ValueError(f"a box of position is {_short(box)}, {_EXPECTED}{hint}")
    values = list(box)
    corners = [to_number(value) for value in values[:4]]
    if len(values) not in (4, 5) or None in corners:
        raise ValueError(f"a box of position is {_short(box)}, {_EXPECTED}")
    return [*corners, *values[4:]]


def _box_confidence(box: list[Any]) -> int | float:
    confidence = to_number(box[4]) if len(box) == 5 else None
    if confidence is None:
        raise ValueError(
            "conf is negative, which means each box's own, but a box of position is "
            f"{_short(box)}, {_EXPECTED}"
        )
    return confidence


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def _number(value: Any) -> Any:
    """A plain number in place of a numpy or torch one, so that the reply can carry it too."""
    number = to_number(value)
    return value if number is None else number


def _path(value: Any) -> Any:
    return os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else str(value)
