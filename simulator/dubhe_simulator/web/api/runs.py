"""Runs: ``/api/runs``, ``/api/annotate`` and ``/api/delete``."""

from __future__ import annotations

from typing import Any

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.platform.state.annotations import checked
from dubhe_simulator.web.api.params import body_of
from dubhe_simulator.web.api.resource import Resource

MOST = 10_000  # runs of one command


class RunsResource(Resource):
    """GET /api/runs."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return runs with their requests and what their instances ran with."""
        numbers = self.runs_wanted(req)
        self._platform.ingest.settle()
        resp.media = {"items": [self._platform.run_details(number) for number in numbers]}


class AnnotateResource(Resource):
    """POST /api/annotate."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Note name, note, tags, hue, hidden or turned on runs."""
        body = body_of(req)
        numbers = runs_in(body)
        try:
            changes = checked({name: value for name, value in body.items() if name != "runs"})
        except ValueError as error:
            raise Refused(str(error), 400) from None
        self._platform.registry.annotate(numbers, changes)
        self._platform.ingest.settle()
        resp.media = {"runs": [self._platform.run_view(number) for number in numbers]}


class DeleteResource(Resource):
    """POST /api/delete."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Delete runs."""
        self._platform.delete(runs_in(body_of(req)))
        resp.media = {}


def runs_in(body: dict[str, Any]) -> list[int]:
    """Return the numbers of runs that a body names.

    Raises:
        Refused: there are none or too many, or they are no numbers.
    """
    numbers = body.get("runs")
    good = isinstance(numbers, list) and all(
        isinstance(number, int) and not isinstance(number, bool) for number in numbers
    )
    if not good or not numbers or len(numbers) > MOST:
        raise Refused(f"runs is {numbers!r:.200}, expected numbers of runs: [1, 2]", 400)
    return list(numbers)
