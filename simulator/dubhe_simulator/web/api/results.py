"""``/api/results``, ``/api/summary``, ``/api/results.csv`` and ``/api/images``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.export.run_data import RESULT_COLUMNS, RunData
from dubhe_simulator.platform.managed.images import MEDIA_TYPES
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.state.records import Run
from dubhe_simulator.platform.storage import csv_export, result_queries, table_queries
from dubhe_simulator.web.api.params import choice, decimal, required, whole
from dubhe_simulator.web.api.resource import Resource, as_download, is_known

if TYPE_CHECKING:
    from dubhe_simulator.platform.managed.tiff import Box

MOST = 500
MOST_PIXELS = 4096


def run_of(platform: Platform, number: int) -> Run:
    """Return a run.

    Raises:
        Refused: there is none.
    """
    platform.ingest.settle()
    run = platform.registry.runs.get(number)
    if run is None:
        raise Refused(f"there is no run {number}", 404)
    return run


def filter_of(req: falcon.Request) -> result_queries.Filter:
    """Return the filter of a request.

    Raises:
        Refused: a parameter is not what it has to be.
    """
    return result_queries.Filter(
        confidence=decimal(req, "confidence", 0.0) or 0.0,
        outcome=choice(req, "outcome", ("all", *result_queries.OUTCOMES), "all"),
        truth=req.get_param("truth"),
        predicted=req.get_param("predicted"),
    )


def with_urls(platform: Platform, run: Run, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to results of a run the URLs of their images, and why there is none."""
    turned, images = platform.registry.annotations.of(run).turned, platform.images
    for item in items:
        url = images.url(item["id"], item["img_path"], turned=turned)
        item["url"] = url
        item["turned"] = turned
        facts = images.facts(item["img_path"]) if url else None
        item["size"] = (facts.turned if turned else facts.size) if facts else None
        item["reduction"] = facts.reduction if facts else 1
        item["why"] = None if url else images.why_not(item["img_path"])
        if item["reduction"] is None:
            item["why"] = "large"
    return items


class ResultsResource(Resource):
    """GET /api/results."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return images with what was found in them."""
        run = run_of(self._platform, required(req, "run"))
        wanted = filter_of(req)
        offset, limit = whole(req, "offset", 0) or 0, whole(req, "limit", 100, 0, MOST) or 0
        database = self._platform.database
        total, items = result_queries.images(database, run.id, run.labelled, wanted, offset, limit)
        resp.media = {"total": total, "items": with_urls(self._platform, run, items)}


class SummaryResource(Resource):
    """GET /api/summary."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the confusion matrix and what follows from it."""
        run = run_of(self._platform, required(req, "run"))
        confidence = decimal(req, "confidence", 0.0) or 0.0
        found = result_queries.summary(self._platform.database, run.id, run.labelled, confidence)
        pictures = table_queries.has_images(self._platform.database, run.id, MEDIA_TYPES)
        resp.media = {**found, "truth": run.labelled, "pictures": pictures}


class ResultsCsvResource(Resource):
    """GET /api/results.csv."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return all predictions of runs."""
        rows = self._rows(self.runs_wanted(req))
        as_download(resp, "results.csv", csv_export.csv_lines(RESULT_COLUMNS, rows))

    def _rows(self, runs: list[int]) -> Iterator[tuple[object, ...]]:
        for number in runs:
            run = run_of(self._platform, number)
            data = RunData(self._platform.registry, self._platform.database, run)
            yield from data.result_rows()


def part_of(req: falcon.Request) -> Box | None:
    """Return the part of an image that is wanted; None for all of it.

    Raises:
        Refused: it is no part.
    """
    text = req.get_param("part")
    if text is None:
        return None
    numbers = [int(one) if one.isdecimal() and len(one) < 8 else -1 for one in text.split(",")]
    if len(numbers) != 4 or min(numbers) < 0 or 0 in numbers[2:]:
        raise Refused(f"part is {text!r:.80}, expected x,y,width,height in pixels", 400)
    x, y, width, height = numbers
    return x, y, x + width, y + height


class ImageResource(Resource):
    """GET /api/images/TOKEN."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Return the file, or for ``most`` pixels a reduced one; TIFF and 16 bits as PNG.

        With ``part=x,y,width,height`` that part of the image as it is shown.

        What takes too much memory is refused, but not the file itself.

        Files carry their EXIF data: the page turns them or does not. What is made of them is
        turned here.
        """
        path = self._platform.images.open(token)
        most = whole(req, "most", None, 1, MOST_PIXELS)
        turned = choice(req, "turned", ("0", "1"), "0") == "1"
        box = part_of(req)
        try:
            if path is None:
                raise FileNotFoundError
            stat = path.stat()
            version = f"{most} {turned} {box} {stat.st_mtime_ns} {stat.st_size} ".encode()
            version += os.fsencode(path)
            if is_known(req, resp, version, "private, max-age=60"):
                return
            previews = self._platform.images.previews
            if box is None:
                preview = previews.of(path, most, turned=turned)
            else:
                preview = previews.part(path, box, most or MOST_PIXELS, turned=turned)
                if preview is None:
                    raise FileNotFoundError
            if preview is not None:
                resp.data, resp.content_type = preview
                return
            resp.content_type = MEDIA_TYPES[path.suffix.lower()]
            resp.set_stream(path.open("rb"), stat.st_size)
        except OSError:
            raise Refused("there is no such image", 404) from None
