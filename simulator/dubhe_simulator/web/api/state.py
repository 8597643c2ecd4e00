"""``/api/state``: everything at once."""

from __future__ import annotations

from typing import Any

import falcon

from dubhe_sdk.version import __version__
from dubhe_simulator.platform.platform import Platform


def state_view(platform: Platform) -> dict[str, Any]:
    """Return the whole state."""
    cursor = platform.changes.cursor  # first: what changes meanwhile is told again
    platform.changes.asked()
    views = [platform.instance_view(name) for name in list(platform.book.instances)]
    instances = sorted((v for v in views if v is not None), key=lambda v: (v["first_ms"], v["id"]))
    return {
        "version": __version__,
        "mode": "kafka" if platform.options.brokers else "embedded",
        "source": platform.source_view(),
        "algorithm": platform.workshop.view(),
        "can_start": platform.workshop.can_start,
        "instances": instances,
        "runs": [platform.run_view(run.id) for run in platform.book.runs],
        "flow": platform.flow.view,
        "messages": platform.book.stored,
        "sends": platform.book.total_sends,
        "cursor": cursor,
    }


class State:
    """GET /api/state."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the state."""
        resp.media = state_view(self._platform)
