"""``/api/state``: everything at once."""

from __future__ import annotations

from typing import Any

import falcon

from dubhe_sdk.version import __version__
from dubhe_simulator.i18n import current_language
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.web.api.resource import Resource, is_known


def state_view(platform: Platform) -> dict[str, Any]:
    """Return the whole state."""
    cursor = platform.change_feed.cursor  # first: what changes meanwhile is published again
    platform.change_feed.asked()
    views = [platform.instance_view(name) for name in list(platform.registry.instances)]
    instances = sorted((v for v in views if v is not None), key=lambda v: (v["first_ms"], v["id"]))
    with platform.registry.lock:
        metric_names = list(platform.registry.curves.names())
    return {
        "version": __version__,
        "mode": "kafka" if platform.config.brokers else "embedded",
        "source": platform.source_view(),
        "algorithm": platform.factory.view(),
        "can_start": bool(platform.factory.kinds),
        "instances": instances,
        "runs": [platform.run_view(run.id, brief=True) for run in platform.registry.runs],
        "metric_names": metric_names,
        "workflow": platform.workflow.view,
        "messages": platform.registry.stored,
        "sends": platform.registry.total_sends,
        "cursor": cursor,
    }


class StateResource(Resource):
    """GET /api/state."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the state, or that the page has it: of thousands of runs it is long."""
        # Every change has a number, so the last one stands for all. Reasons are in a language.
        version = f"{self._platform.change_feed.cursor} {current_language()}".encode()
        if is_known(req, resp, version, "private, no-cache"):
            self._platform.change_feed.asked()
            return
        resp.media = state_view(self._platform)
