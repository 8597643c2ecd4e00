"""Requests to instances: ``/api/forms``, ``/api/send`` and ``/api/sends``."""

from __future__ import annotations

import json
from typing import Any

import falcon

from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.storage import result_queries
from dubhe_simulator.web.api.params import body_of, object_in, text_in, whole
from dubhe_simulator.web.api.resource import Resource
from dubhe_simulator.web.api.results import with_urls

MOST = 200
SHOWN_IMAGES = 100
_COLUMNS = ("id", "instance", "at_ms", "body", "reply", "error", "ms")


class FormsResource(Resource):
    """GET /api/forms."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the four requests, filled in for an instance."""
        record = self._platform.find(req.get_param("instance") or "")
        number = self._platform.registry.total_sends + 1
        forms = self._platform.factory.forms(record.id, record.kind, number)
        resp.media = {"instance": record.id, "requests": forms}


class SendResource(Resource):
    """POST /api/send."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send a request and return the reply."""
        body = body_of(req)
        name, request = text_in(body, "instance"), object_in(body, "body")
        assert name is not None and request is not None
        sent = self._platform.send(name, request)
        if sent["run"] is not None:
            self._platform.ingest.settle()
        resp.media = {**sent, "results": results_of(self._platform, sent["run"])}


class SendsResource(Resource):
    """GET /api/sends."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the latest requests, the newest first."""
        limit = whole(req, "limit", 50, 0, MOST)
        self._platform.ingest.settle()
        sql = f"SELECT {', '.join(_COLUMNS)} FROM sends ORDER BY id DESC LIMIT ?"
        rows = self._platform.database.rows(sql, (limit,))
        resp.media = {"items": [self._item(row) for row in rows]}

    def _item(self, row: tuple[Any, ...]) -> dict[str, Any]:
        item = dict(zip(_COLUMNS, row, strict=True))
        item["body"] = json.loads(item["body"])
        item["reply"] = None if item["reply"] is None else json.loads(item["reply"])
        run = self._platform.registry.runs.of_send(item["id"])
        return {**item, "run": run, "results": results_of(self._platform, run)}


def results_of(platform: Platform, run: int | None) -> list[dict[str, Any]] | None:
    """Return what an inference's reply holds in the platform's format; None if nothing."""
    found = platform.registry.runs.get(run)
    if found is None:
        return None
    _, items = result_queries.images(
        platform.database, found.id, False, result_queries.Filter(), 0, SHOWN_IMAGES
    )
    return with_urls(platform, found, [item for item in items if item["plain"] is None]) or None
