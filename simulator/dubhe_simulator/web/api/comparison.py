"""``/api/comparison`` and ``/api/flips``: one run's results against another's."""

from __future__ import annotations

from typing import Any

import falcon

from dubhe_simulator.platform.evaluation.comparison import FLIPS, Side
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.storage import result_queries
from dubhe_simulator.web.api.params import choice, decimal, required, whole
from dubhe_simulator.web.api.resource import Resource
from dubhe_simulator.web.api.results import MOST, run_of, with_urls


def sides(platform: Platform, req: falcon.Request) -> tuple[Side, Side]:
    """Return the runs ``a`` and ``b``, each with its threshold.

    Raises:
        Refused: there is none of that number.
    """
    a, b = (
        Side(
            run_of(platform, required(req, name)),
            decimal(req, f"confidence_{name}", 0.0) or 0.0,
        )
        for name in ("a", "b")
    )
    return a, b


class ComparisonResource(Resource):
    """GET /api/comparison."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return both runs' figures, and the cells of their matrices."""
        resp.media = self._platform.comparisons.figures(*sides(self._platform, req))


class FlipsResource(Resource):
    """GET /api/flips."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return images whose predictions changed, with both runs' predictions."""
        a, b = sides(self._platform, req)
        kind = choice(req, "kind", ("all", *FLIPS), "all")
        offset, limit = whole(req, "offset", 0) or 0, whole(req, "limit", 100, 0, MOST) or 0
        comparisons = self._platform.comparisons
        flips = comparisons.flips(a, b)
        truth, predicted = req.get_param("truth"), req.get_param("predicted")
        wanted = comparisons.selected(a, b, None if kind == "all" else kind, truth, predicted)
        page = wanted[offset : offset + limit]
        before = self._images(a, [pair[0] for pair in page])
        after = self._images(b, [pair[1] for pair in page])
        resp.media = {
            "total": len(wanted),
            "items": [
                {"kind": change, "a": before[id_a], "b": after[id_b]}
                for id_a, id_b, change in page
                if id_a in before and id_b in after  # else a run has just been deleted
            ],
            "counts": flips.counts(),
            "both": flips.both,
            "only_a": flips.only_a,
            "only_b": flips.only_b,
        }

    def _images(self, side: Side, ids: list[int]) -> dict[int, dict[str, Any]]:
        found = result_queries.by_id(
            self._platform.database, ids, side.run.labelled, side.confidence
        )
        with_urls(self._platform, side.run, list(found.values()))
        return found
