"""``/api/metrics``: the last and the extreme values of metrics."""

from __future__ import annotations

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.web.api.resource import Resource

MOST_NAMES = 50


class MetricsResource(Resource):
    """GET /api/metrics."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return all metrics of some runs (``run=1,2``), or some of all runs (``name=loss``)."""
        names = req.get_param_as_list("name") or []
        if len(names) > MOST_NAMES:
            raise Refused(f"name is given {len(names)} times, expected at most {MOST_NAMES}", 400)
        registry = self._platform.registry
        if names:
            with registry.lock:
                found = {run.id: registry.curves.named(run.id, names) for run in registry.runs}
        else:
            wanted = self.runs_wanted(req)
            with registry.lock:
                found = {number: registry.curves.views(number) for number in wanted}
        resp.media = {"runs": [{"run": run, "metrics": found[run]} for run in found]}
