"""``/api/messages``: every raw message."""

from __future__ import annotations

import json
from typing import Any

import falcon

from dubhe_simulator.web.api.params import whole
from dubhe_simulator.web.api.resource import Resource

MOST = 500
_COLUMNS = ("id", "topic", "partition", "offset", "timestamp_ms", "headers", "value", "malformed",
            "repeat", "instance")  # fmt: skip


class MessagesResource(Resource):
    """GET /api/messages."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return messages in ascending order: after one, before one, or the newest."""
        instance = req.get_param("instance")
        after, before = whole(req, "after_id", None), whole(req, "before_id", None)
        limit = whole(req, "limit", 100, 0, MOST) or 0
        where = "id > :after AND id < :before"
        values = {
            "after": -1 if after is None else after,
            "before": 2**62 if before is None else before,
            "limit": limit,
            "instance": instance,
        }
        if instance:
            where += " AND instance = :instance"
        order = "ASC" if after is not None and before is None else "DESC"
        sql = f"SELECT {', '.join(_COLUMNS)} FROM messages WHERE {where}"
        self._platform.ingest.settle()
        rows = self._platform.database.rows(f"{sql} ORDER BY id {order} LIMIT :limit", values)
        items = [_item(row) for row in (rows if order == "ASC" else rows[::-1])]
        resp.media = {"total": self._total(instance), "items": items}

    def _total(self, instance: str | None) -> int:
        registry = self._platform.registry
        if not instance:
            return int(registry.stored)
        record = registry.instances.get(instance)
        return record.reported.messages if record else 0


def _item(row: tuple[Any, ...]) -> dict[str, Any]:
    item = dict(zip(_COLUMNS, row, strict=True))
    item["headers"], item["repeat"] = json.loads(item["headers"]), bool(item["repeat"])
    return item
