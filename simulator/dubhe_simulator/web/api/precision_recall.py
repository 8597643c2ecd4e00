"""``/api/precision-recall``: the curve of a run over the confidence threshold."""

from __future__ import annotations

import falcon

from dubhe_simulator.web.api.params import decimal, required
from dubhe_simulator.web.api.resource import Resource
from dubhe_simulator.web.api.results import run_of


class PrecisionRecallResource(Resource):
    """GET /api/precision-recall."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the curve of ``class``, or over all, and its point at ``confidence``."""
        run = run_of(self._platform, required(req, "run"))
        confidence = decimal(req, "confidence", 0.0) or 0.0
        name = req.get_param("class")
        resp.media = self._platform.precision_recall.curve(run, name, confidence)
