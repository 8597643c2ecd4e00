"""Predictions in the results that an algorithm reports."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """What an image, or one box in it, is and was taken for: one entry of a result's ``info``.

    Attributes:
        truth: the labelled class; empty for none.
        predicted: the predicted class; empty for none.
        confidence: from 0 to 1, or None.
        shape_type: the algorithm's name of the shape, or None.
        position: JSON of the corner points ``[[x, y], …]`` in pixels, or None.
        special: JSON of what the algorithm added, or None.
    """

    truth: str
    predicted: str
    confidence: float | None = None
    shape_type: str | None = None
    position: str | None = None
    special: str | None = None


@dataclass(frozen=True)
class ImageResult:
    """One image and its predictions."""

    path: str
    predictions: tuple[Prediction, ...]

    @property
    def labelled(self) -> bool:
        """Whether the truth of any prediction is known."""
        return any(prediction.truth for prediction in self.predictions)


def results_in(data: Any) -> Iterator[ImageResult]:
    """Yield the images of a result in the platform's format.

    Results of an algorithm's own format (``logResult`` takes any JSON) hold none.
    """
    for image in _flat(data):
        if isinstance(image, dict) and isinstance(image.get("info"), list):
            infos = [info for info in image["info"] if isinstance(info, dict)]
            yield ImageResult(str(image.get("img_path", "")), tuple(map(_prediction, infos)))


def _flat(data: Any) -> Iterator[Any]:
    """Yield the images; the data may be one, a list, or a list of logResultDetails' lists."""
    for image in data if isinstance(data, list) else [data]:
        if isinstance(image, list):
            yield from image
        else:
            yield image


def _prediction(info: dict[str, Any]) -> Prediction:
    shape = info.get("shape_type")
    return Prediction(
        truth=_text(info.get("ground_true")),
        predicted=_text(info.get("predict_code")),
        confidence=_confidence(info.get("conf")),
        shape_type=None if shape is None else _text(shape),
        position=_points(info.get("position")),
        special=_json(info.get("special")),
    )


def _confidence(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        conf = float(value)
    except OverflowError:
        return None
    return conf if math.isfinite(conf) else None


def _points(value: Any) -> str | None:
    if not isinstance(value, list) or not value:
        return None
    for point in value:
        if not isinstance(point, list) or len(point) != 2 or None in map(_confidence, point):
            return None
    return json.dumps(value)


def _json(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:  # it came as a number beyond all floats
        return json.dumps(_with_names(value), ensure_ascii=False)


def _with_names(value: Any) -> Any:
    """Return a value with what is no JSON number by its name, as the SDK writes it."""
    if isinstance(value, dict):
        return {name: _with_names(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_names(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
