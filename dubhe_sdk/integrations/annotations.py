"""Annotations of COCO, YOLO, Pascal VOC and labelme as `Shape`, the truth of `report_shapes`.

    from dubhe_sdk.integrations.annotations import read_yolo

    truth = read_yolo("labels/0001.txt", classes, width=640, height=480)

Every format says in its own way where a thing is. A `Shape` has corners in pixels from the upper
left corner of the image, as real numbers: 0 is the left edge of the first pixel, 1 its right edge.
A thing that fills the first pixel alone has the box (0, 0, 1, 1).

===========  ====================================================  ===============================
format       what it has                                           what is done
===========  ====================================================  ===============================
COCO         ``bbox``: x, y, width, height in pixels, from 0.      x2 = x + width
             ``segmentation``: polygons on the same axes, or RLE   polygons as they are
YOLO         centre x, centre y, width, height as shares of the    times width and height of the
             image; or a polygon's points as shares                image
Pascal VOC   ``xmin`` … ``ymax``: the first and the last pixel     x1 = xmin - 1, x2 = xmax
             that belong to the thing, counted from 1
labelme      points in pixels, from 0, real numbers                as they are; a circle is its
                                                                   centre and a point on it
             ``mask``: its first and its last pixel, from 0        x2 = x + 1
===========  ====================================================  ===============================

Nothing of this needs another package: of masks of COCO (RLE) and labelme the box alone is taken.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from dubhe_sdk.integrations.predictions import Box, Shape

Points = tuple[tuple[float, float], ...]


def read_coco(path: str | os.PathLike[str]) -> dict[str, list[Shape]]:
    """Read a COCO file of object detection.

    Things of several polygons keep their ``bbox`` alone. Crowds (``iscrowd``) are left out: they
    are no single thing.

    Args:
        path: of the JSON file.

    Returns:
        ``file_name`` → what is on that image; an empty list for an image without annotations.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON.
        KeyError: it is no COCO file, or an annotation names an image or a category that it lacks.

    Examples:
        >>> read_coco("instances_val.json")["0001.png"]
        [Shape(code='dent', box=(10.0, 20.0, 40.0, 30.0), conf=None, points=None)]
    """
    data = json.loads(Path(path).read_text("utf-8"))
    names = {one["id"]: str(one["name"]) for one in data["categories"]}
    files = {one["id"]: str(one["file_name"]) for one in data["images"]}
    found: dict[str, list[Shape]] = {name: [] for name in files.values()}
    for one in data["annotations"]:
        if not one.get("iscrowd"):
            found[files[one["image_id"]]].append(_of_coco(one, names[one["category_id"]]))
    return found


def _of_coco(one: Mapping[str, Any], code: str) -> Shape:
    segments = one.get("segmentation")
    points = None
    if isinstance(segments, list) and len(segments) == 1:
        points = _pairs(segments[0])
    if one.get("bbox"):
        x, y, width, height = map(float, one["bbox"])
        return Shape(code, (x, y, x + width, y + height), points=points)
    if points is not None:
        return Shape.polygon(code, points)
    return Shape(code, _box_of_rle(one["segmentation"]))


def read_yolo(
    path: str | os.PathLike[str],
    classes: Sequence[str] | Mapping[int, str],
    width: int,
    height: int,
) -> list[Shape]:
    """Read a label file of YOLO: a line for each thing, a box or a polygon.

    Args:
        path: of the text file. If it does not exist, nothing is on the image, as YOLO has it.
        classes: names by number.
        width: the image's, in pixels.
        height: the image's, in pixels.

    Raises:
        OSError: it cannot be read.
        ValueError: a line has neither four numbers after the class, nor an even number of at
            least six.

    Examples:
        >>> read_yolo("0001.txt", ["dent"], 100, 100)       # 0 0.5 0.5 0.2 0.1
        [Shape(code='dent', box=(40.0, 45.0, 60.0, 55.0), conf=None, points=None)]
    """
    path = Path(path)
    if not path.exists():
        return []
    shapes = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        code, values = classes[int(words[0])], [float(word) for word in words[1:]]
        if len(values) == 4:
            x, y, w, h = values
            box = ((x - w / 2) * width, (y - h / 2) * height)
            shapes.append(Shape(code, (*box, (x + w / 2) * width, (y + h / 2) * height)))
        elif len(values) >= 6 and len(values) % 2 == 0:
            points = tuple((x * width, y * height) for x, y in _pairs(values))
            shapes.append(Shape.polygon(code, points))
        else:
            raise ValueError(
                f"{path}:{number}: {len(values)} numbers after the class, expected 4 (a box) or "
                "the x and y of at least 3 points"
            )
    return shapes


def read_voc(path: str | os.PathLike[str]) -> list[Shape]:
    """Read an annotation file of Pascal VOC.

    Args:
        path: of the XML file.

    Raises:
        OSError: it cannot be read.
        xml.etree.ElementTree.ParseError: it is no XML.
        ValueError: an object lacks its name or a corner.

    Examples:
        >>> read_voc("0001.xml")            # xmin 1, ymin 1, xmax 10, ymax 10
        [Shape(code='dent', box=(0.0, 0.0, 10.0, 10.0), conf=None, points=None)]
    """
    shapes = []
    for thing in ElementTree.parse(path).getroot().iter("object"):
        texts = [thing.findtext("name")]
        texts += [thing.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
        if None in texts:
            raise ValueError(f"{path}: an object has {texts}, expected its name and four corners")
        name, *corners = (text or "" for text in texts)
        x1, y1, x2, y2 = map(float, corners)
        shapes.append(Shape(name, (x1 - 1, y1 - 1, x2, y2)))
    return shapes


def read_labelme(path: str | os.PathLike[str]) -> list[Shape]:
    """Read a file of labelme. Lines and points are left out; of a mask the box is taken.

    Args:
        path: of the JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON.
        KeyError: it is no file of labelme's.

    Examples:
        >>> read_labelme("0001.json")
        [Shape(code='dent', box=(1.0, 2.0, 9.0, 8.0), conf=None, points=None)]
    """
    data = json.loads(Path(path).read_text("utf-8"))
    shapes = []
    for one in data["shapes"]:
        points = tuple((float(x), float(y)) for x, y in one["points"])
        kind = one.get("shape_type", "polygon")
        if kind == "circle":
            (x, y), (edge_x, edge_y) = points
            radius = math.hypot(edge_x - x, edge_y - y)
            shapes.append(Shape(one["label"], (x - radius, y - radius, x + radius, y + radius)))
        elif kind == "rectangle":
            shapes.append(Shape(one["label"], Shape.polygon("", points).box))
        elif kind == "mask":
            (x1, y1), (x2, y2) = points
            shapes.append(Shape(one["label"], (x1, y1, x2 + 1, y2 + 1)))
        elif kind in ("polygon", "oriented_rectangle"):
            shapes.append(Shape.polygon(one["label"], points))
    return shapes


def _pairs(values: Sequence[float]) -> Points:
    return tuple(zip(map(float, values[::2]), map(float, values[1::2]), strict=True))


def _box_of_rle(rle: Mapping[str, Any]) -> Box:
    """Return the box of a mask: runs of pixels outside and inside, column by column."""
    height = int(rle["size"][0])
    counts = rle["counts"]
    runs = _decoded(counts) if isinstance(counts, str) else counts
    columns: list[int] = []
    rows: list[int] = []
    place = 0
    for number, run in enumerate(runs):
        if number % 2 and run:
            first, last = place, place + run - 1
            columns += [first // height, last // height]
            whole = first // height != last // height
            rows += [0, height - 1] if whole else [first % height, last % height]
        place += run
    if not columns:
        return 0.0, 0.0, 0.0, 0.0
    return float(min(columns)), float(min(rows)), max(columns) + 1.0, max(rows) + 1.0


def _decoded(text: str) -> list[int]:
    """Return the runs of compressed RLE: groups of five bits, from the third on as differences."""
    runs: list[int] = []
    place = 0
    while place < len(text):
        value = shift = 0
        more = True
        while more:
            group = ord(text[place]) - 48
            value |= (group & 0x1F) << shift
            more = bool(group & 0x20)
            place, shift = place + 1, shift + 5
            if not more and group & 0x10:
                value |= -1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs
