"""``/api/log``: an instance's log."""

from __future__ import annotations

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.managed.log_index import LEVELS
from dubhe_simulator.web.api.params import choice, whole
from dubhe_simulator.web.api.resource import Resource

MOST = 2000


class LogResource(Resource):
    """GET /api/log."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return lines of the log."""
        record = self._platform.find(req.get_param("instance") or "")
        files = self._platform.files.of(record)
        if files is None or not files.has_log:
            raise Refused(translate("ui_no_log", instance=record.id), 404)
        resp.media = files.log.lines(
            search=req.get_param("search") or "",
            level=choice(req, "level", LEVELS, LEVELS[0]),
            before=whole(req, "before", None),
            after=whole(req, "after", None, -1),
            limit=whole(req, "limit", 200, 1, MOST) or 200,
        )
