"""Masks become polygons that enclose the same pixels, and regions become results."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from dubhe_sdk import Context
from dubhe_sdk.integrations.masks import masked_shape, outline, regions, report_regions
from tests.examples.torch_environment import torch_python
from tests.integrations.support import marks

Reported = Callable[[], list[Any]]


def mask(*rows: str) -> Any:
    return numpy.array([[pixel == "x" for pixel in row] for row in rows])


def test_an_outline_goes_along_the_edges_of_pixels() -> None:
    assert set(outline(mask("...", ".xx"))) == {(1, 1), (3, 1), (3, 2), (1, 2)}
    shape = masked_shape("dent", mask("...", ".xx"), 0.5)
    assert shape is not None and shape.box == (1, 1, 3, 2) and shape.conf == 0.5
    assert outline(mask("...")) == ()
    assert masked_shape("dent", mask("...")) is None
    with pytest.raises(ValueError, match=r"the shape \(2, 3, 4\), expected \(height, width\)"):
        outline(numpy.zeros((2, 3, 4)))


def test_regions_are_matched_by_their_classes_and_pixels(ctx: Context, reported: Reported) -> None:
    classes = ["background", "road", "grass", "sky"]
    found = regions(numpy.array([[1, 1, 2, 2], [0, 255, 3, 3]]), classes)
    true = regions(numpy.array([[1, 1, 1, 2], [3, 3, 0, 255]]), classes)
    (image,) = report_regions(ctx, "a.png", true, found, {"road": 0.75})
    rows = [(one["ground_true"], one["predict_code"], one["conf"]) for one in image["info"]]
    assert rows == [
        ("road", "road", 0.75),
        ("grass", "grass", 1.0),
        ("", "sky", 1.0),
        ("sky", "", 0.0),
    ]
    ious = [one["special"]["iou"] for one in image["info"]]
    assert ious == [0.6667, 0.5, None, None]
    assert all(one["shape_type"] == "polygon" for one in image["info"])
    assert image["bbox_cnt"] == 4 and reported() == [[image]]
    (unknown,) = report_regions(ctx, "b.png", None, {"road": found["road"]})
    assert [one["ground_true"] for one in unknown["info"]] == [""]


FILLED = """
import json
import numpy
from pycocotools import mask
from dubhe_sdk.integrations.masks import outline

random = numpy.random.default_rng(0)
rows, columns = numpy.mgrid[:100, :120]
away = (rows - 50) ** 2 + (columns - 60) ** 2
masks = [(away < 40**2) & (away > 10**2) | (away < 25)]  # a ring, and a part within its hole
for _ in range(300):
    masks.append(random.random(random.integers(1, 9, 2)) < random.random())
different = 0
for pixels in masks:
    points = [value for point in outline(pixels) for value in point]
    if points:
        filled = mask.decode(mask.merge(mask.frPyObjects([points], *pixels.shape)))
        different += int((filled != pixels).sum())
print(json.dumps({"different": different, "filled": int(sum(map(numpy.sum, masks)))}))
"""


class TestOfCoco:
    pytestmark = marks

    def test_pycocotools_fills_an_outline_with_the_same_pixels(self) -> None:
        done = subprocess.run(
            [torch_python(), "-c", FILLED], check=True, capture_output=True, text=True
        )
        found = json.loads(done.stdout)
        assert found["different"] == 0 and found["filled"] > 5000
