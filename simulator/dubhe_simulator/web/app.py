"""The application: which resource answers where."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import Any

import falcon
from falcon import media

from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.refused import Refused
from dubhe_simulator.web.api.control import Attach, FlowStart, Forget, Start, Stop
from dubhe_simulator.web.api.curves import Curves, CurvesTable
from dubhe_simulator.web.api.events import Events
from dubhe_simulator.web.api.log import Log
from dubhe_simulator.web.api.messages import Messages
from dubhe_simulator.web.api.results import Image, Results, ResultsTable, Summary
from dubhe_simulator.web.api.sends import Forms, Send, Sends
from dubhe_simulator.web.api.state import State
from dubhe_simulator.web.middleware.guard import Guard
from dubhe_simulator.web.middleware.language import Speak
from dubhe_simulator.web.page import Page

LOG = logging.getLogger("dubhe_simulator")


def make_app(platform: Platform, host: str) -> falcon.App[Any, Any]:
    """Return the WSGI application.

    Args:
        platform: what it serves.
        host: the address that the server listens on.
    """
    middleware: list[Any] = [Speak(), Guard(host)]
    app = falcon.App(middleware=middleware)
    app.req_options.keep_blank_qs_values = True  # `truth=` asks for the empty class
    app.req_options.auto_parse_qs_csv = False
    app.resp_options.media_handlers[falcon.MEDIA_JSON] = media.JSONHandler(
        dumps=partial(json.dumps, ensure_ascii=False, separators=(",", ":"))
    )
    app.add_error_handler(Refused, _refused)
    app.add_error_handler(Exception, _broken)
    app.set_error_serializer(_serialize)
    resources = {
        "state": State, "events": Events, "curves": Curves, "curves.csv": CurvesTable,
        "results": Results, "summary": Summary, "results.csv": ResultsTable,
        "images/{token}": Image, "messages": Messages, "log": Log, "forms": Forms, "send": Send,
        "sends": Sends, "start": Start, "stop": Stop, "attach": Attach, "forget": Forget,
        "flow": FlowStart, "flow/{kind}": FlowStart,
    }  # fmt: skip
    for name, resource in resources.items():
        app.add_route(f"/api/{name}", resource(platform))
    page = Page()
    app.add_route("/", page)
    app.add_route("/{name}", page)
    return app


def _refused(
    req: falcon.Request, resp: falcon.Response, error: Refused, params: dict[str, Any]
) -> None:
    resp.status = falcon.code_to_http_status(error.status)
    resp.media = {"error": str(error)}


def _broken(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    if isinstance(error, (falcon.HTTPError, falcon.HTTPStatus)):
        raise error
    LOG.exception("%s %s failed", req.method, req.path)
    resp.status = falcon.HTTP_500
    resp.media = {"error": f"{type(error).__name__}: {error}"}


def _serialize(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = json.dumps({"error": error.description or error.title}).encode()
