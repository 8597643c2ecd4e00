"""``/api/system``: what an instance takes of its machine."""

from __future__ import annotations

import falcon

from dubhe_simulator.platform.managed.system_metrics import read_samples
from dubhe_simulator.web.api.params import whole
from dubhe_simulator.web.api.resource import Resource


class SystemResource(Resource):
    """GET /api/system."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the samples of an instance that were taken after a time."""
        record = self._platform.find(req.get_param("instance") or "")
        files = self._platform.files.of(record)
        after = whole(req, "after", 0) or 0
        resp.media = {"samples": read_samples(files.samples, after) if files is not None else []}
