"""Commands to the platform: start, stop, forget, attach, workflow."""

from __future__ import annotations

from pathlib import Path

import falcon

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import PROTOCOLS
from dubhe_simulator.algorithm.dataset import EXAMPLES
from dubhe_simulator.client.address import parse_address
from dubhe_simulator.contract.json_safe import sanitize
from dubhe_simulator.errors import Refused
from dubhe_simulator.platform.workflow import WorkflowRequest
from dubhe_simulator.web.api.models import model_named
from dubhe_simulator.web.api.params import body_of, object_in, text_in
from dubhe_simulator.web.api.resource import Resource

MOST_IMAGES = 10_000


class StartResource(Resource):
    """POST /api/start."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Start an instance."""
        body = body_of(req)
        kind = kind_of(text_in(body, "kind"))
        model = text_in(body, "model", optional=True)
        params = object_in(body, "special_params", optional=True)
        name = self._platform.manager.start(kind, Path(model) if model else None, params)
        resp.media = {"instance": name}


class StopResource(Resource):
    """POST /api/stop."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """End an instance."""
        self._platform.manager.stop(text_in(body_of(req), "instance") or "")
        resp.media = {}


class ForgetResource(Resource):
    """POST /api/forget."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Delete what is kept of an instance."""
        self._platform.forget(text_in(body_of(req), "instance") or "")
        resp.media = {}


class AttachResource(Resource):
    """POST /api/attach."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Attach to a running instance."""
        body = body_of(req)
        protocol = text_in(body, "protocol", optional=True) or "http"
        if protocol not in PROTOCOLS:
            raise Refused(f"protocol is {protocol!r}, expected http or tcp", 400)
        try:
            address = parse_address(text_in(body, "address") or "", protocol)
        except ValueError as error:
            raise Refused(str(error), 400) from None
        folder = text_in(body, "folder", optional=True)
        name = text_in(body, "instance", optional=True)
        name = None if name is None else sanitize(name)
        found = self._platform.manager.attach(address, name, Path(folder) if folder else None)
        resp.media = {"instance": found}


class WorkflowResource(Resource):
    """POST /api/workflow and /api/workflow/KIND."""

    def on_post(self, req: falcon.Request, resp: falcon.Response, kind: str | None = None) -> None:
        """Begin the whole workflow, or one task."""
        body = body_of(req)
        images = body.get("images")
        images = EXAMPLES if images is None else images
        if isinstance(images, bool) or not isinstance(images, int) or not 0 < images <= MOST_IMAGES:
            raise Refused(f"images is {images!r}, expected a number from 1 to {MOST_IMAGES}", 400)
        params = object_in(body, "special_params", optional=True)
        kinds = tuple(TaskKind) if kind is None else (kind_of(kind),)
        name = text_in(body, "model", optional=True)
        model = None if name is None else model_named(self._platform, name)
        self._platform.workflow.begin(WorkflowRequest(kinds, images, params, model=model))
        resp.media = {}


def kind_of(text: str | None) -> TaskKind:
    """Return the kind of task.

    Raises:
        Refused: there is no such kind.
    """
    try:
        return TaskKind(text)
    except ValueError:
        raise Refused(f"kind is {text!r}, expected train, evaluate or infer", 400) from None
