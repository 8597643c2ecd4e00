"""``/api/log``: the SDK's log of an instance, and its console."""

from __future__ import annotations

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.managed.files import LOGS, InstanceFiles
from dubhe_simulator.platform.managed.logs.formats import LEVELS
from dubhe_simulator.web.api.params import choice, required, whole
from dubhe_simulator.web.api.resource import Resource

MOST = 2000
NAMED_LEVELS = tuple(level for level in LEVELS if level)
LONGEST_SEARCH = 1000


class _OfInstance(Resource):
    """``instance=ID`` and ``file=log`` or ``file=console``."""

    def wanted(self, req: falcon.Request) -> tuple[InstanceFiles, str]:
        """Return the instance's files, and which of its logs is asked for.

        Raises:
            Refused: there is no such instance, or it has no such log.
        """
        record = self._platform.find(req.get_param("instance") or "")
        name = choice(req, "file", LOGS, LOGS[0])
        files = self._platform.files.of(record)
        if files is None or name not in files.log_names:
            raise Refused(translate("ui_no_log", instance=record.id), 404)
        return files, name


class LogResource(_OfInstance):
    """GET /api/log."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return lines of a log, from ``at`` on or the last ones."""
        files, name = self.wanted(req)
        limit = whole(req, "limit", 200, 1, MOST) or 200
        resp.media = files.logs[name].lines(whole(req, "at", None), limit, _level(req))


class LogFindResource(_OfInstance):
    """GET /api/log/find."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return how many lines have a text, and the next one from ``at`` on."""
        files, name = self.wanted(req)
        text = req.get_param("search") or ""
        if not 0 < len(text) <= LONGEST_SEARCH:
            raise Refused(f"search has {len(text)} characters, expected 1 to {LONGEST_SEARCH}", 400)
        backwards = req.get_param_as_bool("backwards") or False
        search = files.searches[name]
        resp.media = search.find(text, _level(req), required(req, "at"), backwards=backwards)


class LogDownloadResource(_OfInstance):
    """GET /api/log/download."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the whole of a log as it was written, with what rotation has left of it."""
        files, name = self.wanted(req)
        log = files.logs[name]
        resp.content_type = "text/plain; charset=utf-8"
        resp.downloadable_as = f"{req.get_param('instance')}-{log.path.name}"
        resp.stream = log.contents()


def _level(req: falcon.Request) -> int:
    return LEVELS.index(choice(req, "level", NAMED_LEVELS, NAMED_LEVELS[0]))
