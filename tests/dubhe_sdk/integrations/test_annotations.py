"""Annotation formats mean the same here as to the programs that made them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.integrations.annotations import read_coco, read_labelme, read_voc, read_yolo
from tests.examples.torch_environment import torch_python
from tests.integrations.environments import packages_with
from tests.integrations.support import marks

CLASSES = ["dent", "scratch"]


def test_coco(tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    polygon = [1, 2, 5, 2, 5, 6]
    annotations = [
        {"image_id": 1, "category_id": 3, "bbox": [10, 20, 30, 10], "segmentation": []},
        {"image_id": 1, "category_id": 4, "bbox": [1, 2, 4, 4], "segmentation": [polygon]},
        {"image_id": 1, "category_id": 4, "segmentation": [polygon]},
        {"image_id": 1, "category_id": 4, "bbox": [0, 0, 9, 9], "iscrowd": 1},
    ]
    categories = [{"id": 3, "name": "dent"}, {"id": 4, "name": "scratch"}]
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}]
    data = {"images": images, "categories": categories, "annotations": annotations}
    path.write_text(json.dumps(data))
    found = read_coco(path)
    assert found["b.png"] == []
    assert [(one.code, one.box) for one in found["a.png"]] == [
        ("dent", (10, 20, 40, 30)),
        ("scratch", (1, 2, 5, 6)),
        ("scratch", (1, 2, 5, 6)),
    ]
    assert found["a.png"][1].points == ((1, 2), (5, 2), (5, 6))


def test_yolo(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("0 0.5 0.5 0.2 0.1\n\n1 0.1 0.1 0.5 0.1 0.3 0.4\n")
    box, polygon = read_yolo(path, CLASSES, 200, 100)
    assert box.box == pytest.approx((80, 45, 120, 55)) and box.code == "dent"
    assert polygon.box == pytest.approx((20, 10, 100, 40))
    assert polygon.points is not None and polygon.points[2] == pytest.approx((60, 40))
    assert read_yolo(tmp_path / "none.txt", CLASSES, 1, 1) == []
    path.write_text("0 0.5 0.5\n")
    with pytest.raises(ValueError, match=r"a\.txt:1: 2 numbers after the class, expected 4"):
        read_yolo(path, CLASSES, 1, 1)


def test_pascal_voc_counts_pixels_from_1_and_includes_the_last(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    corners = "<xmin>1</xmin><ymin>3</ymin><xmax>10</xmax><ymax>4</ymax>"
    path.write_text(
        f"<annotation><object><name>dent</name><bndbox>{corners}</bndbox></object></annotation>"
    )
    (shape,) = read_voc(path)
    assert (shape.code, shape.box) == ("dent", (0, 2, 10, 4))
    path.write_text("<annotation><object><name>dent</name></object></annotation>")
    with pytest.raises(ValueError, match="expected its name and four corners"):
        read_voc(path)


def test_labelme(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    shapes = [
        {"label": "dent", "shape_type": "circle", "points": [[10, 10], [13, 14]]},
        {"label": "dent", "shape_type": "rectangle", "points": [[9, 8], [1, 2]]},
        {"label": "scratch", "points": [[0, 0], [4, 0], [4, 2.5]]},
        {"label": "scratch", "shape_type": "line", "points": [[0, 0], [4, 0]]},
    ]
    path.write_text(json.dumps({"version": "6.3.1", "imageData": None, "shapes": shapes}))
    boxes = [shape.box for shape in read_labelme(path)]
    assert boxes == [(5, 5, 15, 15), (1, 2, 9, 8), (0, 0, 4, 2.5)]


FORMATS = """
import json, sys
import numpy as np
import supervision as sv
from pycocotools import mask

pixels = np.zeros((20, 30), np.uint8, order="F")
pixels[4:9, 10:25] = 1
rle = mask.encode(pixels)
rle["counts"] = rle["counts"].decode()
runs, last = [0], 0
for value in pixels.flatten(order="F"):
    if value != last:
        runs.append(0)
        last = value
    runs[-1] += 1
boxes = np.array([[10.0, 4.0, 25.0, 9.0], [0.0, 0.0, 7.0, 20.0]])
found = sv.Detections(xyxy=boxes, class_id=np.array([0, 1]))
image = np.zeros((20, 30, 3), np.uint8)
data = sv.DetectionDataset(["dent", "scratch"], {"a.png": image}, {"a.png": found})
data.as_pascal_voc(annotations_directory_path="voc")
data.as_yolo(annotations_directory_path="yolo")
data.as_coco(annotations_path="coco.json")
box = list(map(float, mask.toBbox(rle)))
json.dump({"rle": rle, "runs": runs, "box": box}, open("mask.json", "w"))
"""


LABELME = """
import json
import labelme
import numpy
from PIL import Image

Image.new("RGB", (30, 20)).save("a.png")
pixels = numpy.ones((5, 15), numpy.uint8)
shapes = [
    {"shape_type": "mask", "points": [[10.0, 4.0], [24.0, 8.0]],
     "mask": labelme.utils.img_arr_to_b64(pixels)},
    {"shape_type": "rectangle", "points": [[9.0, 8.0], [1.5, 2.0]]},
    {"shape_type": "oriented_rectangle", "points": [[5, 1], [9, 5], [5, 9], [1, 5]]},
    {"shape_type": "polygon", "points": [[0, 0], [4, 0], [4, 2.5]]},
    {"shape_type": "circle", "points": [[10, 10], [13, 14]]},
    {"shape_type": "point", "points": [[3, 3]]},
]
file = labelme.LabelFile()
file.save(
    "a.json", shapes=[{"label": "dent", **shape} for shape in shapes],
    image_path="a.png", image_height=20, image_width=30,
)
read = labelme.LabelFile("a.json").shapes
drawn = [labelme.utils.shapes_to_label((20, 30), [shape], {"dent": 1})[0] == 1 for shape in read]
boxes = labelme.utils.masks_to_bboxes(numpy.array(drawn))[:, [1, 0, 3, 2]]
json.dump(boxes.tolist(), open("boxes.json", "w"))
"""


class TestOfTheFormatsOwnLibraries:
    pytestmark = marks

    def test_labelme(self, tmp_path: Path) -> None:
        packages = packages_with("labelme", ("labelme==6.3.1",))
        python = packages.parents[2] / "bin" / "python"
        subprocess.run([python, "-W", "ignore", "-c", LABELME], cwd=tmp_path, check=True)
        drawn = json.loads((tmp_path / "boxes.json").read_text())
        shapes = read_labelme(tmp_path / "a.json")
        assert [shape.box for shape in shapes] == [
            (10, 4, 25, 9),
            (1.5, 2, 9, 8),
            (1, 1, 9, 9),
            (0, 0, 4, 2.5),
            (5, 5, 15, 15),
        ]
        assert shapes[0].box == tuple(drawn[0]), "the mask's pixels"
        assert shapes[2].points == ((5, 1), (9, 5), (5, 9), (1, 5))
        for shape, pixels in zip(shapes[1:], drawn[1:], strict=False):
            # It draws the pixel that a corner lies in, too.
            assert shape.box == pytest.approx(tuple(pixels), abs=1.5)

    def test_what_they_write_is_read_as_it_was_meant(self, tmp_path: Path) -> None:
        subprocess.run([torch_python(), "-W", "ignore", "-c", FORMATS], cwd=tmp_path, check=True)
        boxes = [("dent", (10.0, 4.0, 25.0, 9.0)), ("scratch", (0.0, 0.0, 7.0, 20.0))]
        assert self.found(read_voc(tmp_path / "voc" / "a.xml")) == boxes
        assert self.found(read_coco(tmp_path / "coco.json")["a.png"]) == boxes
        of_yolo = read_yolo(tmp_path / "yolo" / "a.txt", CLASSES, 30, 20)
        for shape, (code, box) in zip(of_yolo, boxes, strict=True):
            assert shape.code == code and shape.box == pytest.approx(box, abs=1e-3)
        mask = json.loads((tmp_path / "mask.json").read_text())
        x, y, width, height = mask["box"]
        for counts in (mask["rle"]["counts"], mask["runs"]):
            assert self.box_of_mask(tmp_path, counts) == (x, y, x + width, y + height)

    def found(self, shapes: list[Any]) -> list[tuple[str, Any]]:
        return [(shape.code, shape.box) for shape in shapes]

    def box_of_mask(self, folder: Path, counts: Any) -> Any:
        segmentation = {"size": [20, 30], "counts": counts}
        one = {"image_id": 1, "category_id": 1, "segmentation": segmentation}
        path = folder / "rle.json"
        data = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [one]}
        path.write_text(json.dumps({**data, "categories": [{"id": 1, "name": "dent"}]}))
        (shape,) = read_coco(path)["a.png"]
        return shape.box
