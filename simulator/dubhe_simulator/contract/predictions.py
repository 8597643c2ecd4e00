"""Predictions in the results that an algorithm reports, and how good they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """What an image, or one box in it, is and was taken for."""

    image: str
    truth: str
    predicted: str
    confidence: float | None


def images_in(data: Any, *, nested: bool = False) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield path and ``info`` of each image in a result of the platform's format.

    Results of an algorithm's own format (``logResult`` takes any JSON) hold none.
    """
    for image in data if isinstance(data, list) else [data]:
        if isinstance(image, list) and not nested:  # a list of what logResultDetails returned
            yield from images_in(image, nested=True)
        elif isinstance(image, dict) and isinstance(image.get("info"), list):
            infos = [info for info in image["info"] if isinstance(info, dict)]
            yield str(image.get("img_path", "")), infos


def predictions_in(data: Any) -> list[Prediction]:
    """Return the predictions in a result of the platform's format."""
    return [_prediction(path, info) for path, infos in images_in(data) for info in infos]


def accuracy(predictions: Iterable[Prediction]) -> float | None:
    """Return the share of right predictions among those whose truth is known."""
    right = [p.truth == p.predicted for p in predictions if p.truth]
    return sum(right) / len(right) if right else None


def confusion(predictions: Iterable[Prediction]) -> Counter[tuple[str, str]]:
    """Return how often each (truth, prediction) occurs."""
    return Counter((p.truth, p.predicted) for p in predictions if p.truth)


def false_finds(predictions: Iterable[Prediction]) -> int:
    """Return how often something was found where the truth, known elsewhere, has nothing."""
    found = [bool(p.truth) for p in predictions if p.truth or p.predicted]
    return found.count(False) if any(found) else 0


def _prediction(image: str, info: dict[str, Any]) -> Prediction:
    conf = info.get("conf")
    return Prediction(
        image=image,
        truth=_text(info.get("ground_true")),
        predicted=_text(info.get("predict_code")),
        confidence=conf if isinstance(conf, (int, float)) else None,
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)
