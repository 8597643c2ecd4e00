"""``/api/curves`` and ``/api/curves.csv``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.export.run_data import METRIC_COLUMNS, RunData
from dubhe_simulator.platform.curves.points import AXES, Axis
from dubhe_simulator.platform.storage import csv_export
from dubhe_simulator.web.api.params import choice, decimal, required, whole
from dubhe_simulator.web.api.resource import Resource, as_download

WIDTH = 1000
WIDEST = 8192


class CurvesResource(Resource):
    """GET /api/curves."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return what to draw of one curve."""
        run, name = required(req, "run"), req.get_param("metric") or ""
        axis = cast(Axis, choice(req, "axis", AXES, "step"))
        limits = decimal(req, "from"), decimal(req, "to")
        width = whole(req, "width", WIDTH, 1, WIDEST) or WIDTH
        registry = self._platform.registry
        with registry.lock:
            found = registry.curves.window(run, name, axis, *limits, width)
        if found is None:
            raise Refused(f"run {run} has no metric {name!r}", 404)
        resp.media = found


class CurvesCsvResource(Resource):
    """GET /api/curves.csv."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return all points of runs."""
        runs = self.runs_wanted(req)
        rows = self._rows(runs, req.get_param("metric"))
        as_download(resp, "curves.csv", csv_export.csv_lines(METRIC_COLUMNS, rows))

    def _rows(self, runs: list[int], metric: str | None) -> Iterator[tuple[object, ...]]:
        for number in runs:
            run = self._platform.registry.runs.get(number)
            if run is not None:
                data = RunData(self._platform.registry, self._platform.database, run)
                yield from data.metric_rows(metric or None)
