"""Results in the platform's format: images, and what was found in each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dubhe_simulator.contract.predictions import images_in


@dataclass(frozen=True)
class Finding:
    """One entry of a result's ``info``.

    Attributes:
        truth: the labelled class; empty for none.
        predicted: the class it was taken for; empty for none.
        conf: from 0 to 1, or None.
        shape_type: the algorithm's word for the shape, or None.
        position: JSON of the corner points ``[[x, y], …]`` in pixels, or None.
        special: JSON of what the algorithm added, or None.
    """

    truth: str
    predicted: str
    conf: float | None
    shape_type: str | None
    position: str | None
    special: str | None


@dataclass(frozen=True)
class ImageResult:
    """One image and its findings."""

    path: str
    findings: tuple[Finding, ...]

    @property
    def labelled(self) -> bool:
        """Whether the truth of any finding is known."""
        return any(finding.truth for finding in self.findings)


def results_in(data: Any) -> Iterator[ImageResult]:
    """Yield the images of a result; none if it is of the algorithm's own format."""
    for path, infos in images_in(data):
        yield ImageResult(path, tuple(_finding(info) for info in infos))


def _finding(info: dict[str, Any]) -> Finding:
    shape = info.get("shape_type")
    return Finding(
        truth=_text(info.get("ground_true")),
        predicted=_text(info.get("predict_code")),
        conf=_confidence(info.get("conf")),
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
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
