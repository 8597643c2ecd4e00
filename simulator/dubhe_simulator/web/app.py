"""The application: which resource answers where."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import Any

import falcon
from falcon import media

from dubhe_simulator.contract.json_safe import to_bytes
from dubhe_simulator.errors import Refused
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.web.api.comparison import ComparisonResource, FlipsResource
from dubhe_simulator.web.api.control import (
    AttachResource,
    ForgetResource,
    StartResource,
    StopResource,
    WorkflowResource,
)
from dubhe_simulator.web.api.curves import CurvesCsvResource, CurvesResource
from dubhe_simulator.web.api.events import EventsResource
from dubhe_simulator.web.api.export import ExportResource, ImportResource
from dubhe_simulator.web.api.log import LogDownloadResource, LogFindResource, LogResource
from dubhe_simulator.web.api.messages import MessagesResource
from dubhe_simulator.web.api.metrics import MetricsResource
from dubhe_simulator.web.api.models import ModelResource
from dubhe_simulator.web.api.precision_recall import PrecisionRecallResource
from dubhe_simulator.web.api.results import (
    ImageResource,
    ResultsCsvResource,
    ResultsResource,
    SummaryResource,
)
from dubhe_simulator.web.api.runs import AnnotateResource, DeleteResource, RunsResource
from dubhe_simulator.web.api.sends import FormsResource, SendResource, SendsResource
from dubhe_simulator.web.api.state import StateResource
from dubhe_simulator.web.api.system import SystemResource
from dubhe_simulator.web.api.table import TableCsvResource, TableResource
from dubhe_simulator.web.middleware.access import Access
from dubhe_simulator.web.middleware.guard import Guard
from dubhe_simulator.web.middleware.language import SetLanguage
from dubhe_simulator.web.page import PageResource

LOG = logging.getLogger("dubhe_simulator")


def make_app(
    platform: Platform, host: str, token: str | None = None, *, secure: bool = False
) -> falcon.App[Any, Any]:
    """Return the WSGI application.

    Args:
        platform: what it serves.
        host: the address that the server listens on.
        token: what browsers and programs have to show; None for nothing.
        secure: whether browsers reach it by HTTPS alone.
    """
    # The last one sees a request after the others have let it pass.
    middleware: list[Any] = [SetLanguage(), Guard(host)]
    if token is not None:
        middleware.append(Access(token, secure))
    app = falcon.App(middleware=middleware)
    app.req_options.keep_blank_qs_values = True  # `truth=` asks for the empty class
    app.req_options.auto_parse_qs_csv = False
    app.resp_options.media_handlers[falcon.MEDIA_JSON] = media.JSONHandler(
        dumps=partial(to_bytes, separators=(",", ":"))
    )
    app.add_error_handler(Refused, _refused)
    app.add_error_handler(Exception, _internal_error)
    app.set_error_serializer(_serialize)
    resources = {
        "state": StateResource,
        "events": EventsResource,
        "curves": CurvesResource,
        "system": SystemResource,
        "curves.csv": CurvesCsvResource,
        "metrics": MetricsResource,
        "runs": RunsResource,
        "annotate": AnnotateResource,
        "delete": DeleteResource,
        "export": ExportResource,
        "import": ImportResource,
        "results": ResultsResource,
        "summary": SummaryResource,
        "precision-recall": PrecisionRecallResource,
        "comparison": ComparisonResource,
        "flips": FlipsResource,
        "table": TableResource,
        "table.csv": TableCsvResource,
        "results.csv": ResultsCsvResource,
        "images/{token}": ImageResource,
        "messages": MessagesResource,
        "models/{name}": ModelResource,
        "log": LogResource,
        "log/find": LogFindResource,
        "log/download": LogDownloadResource,
        "forms": FormsResource,
        "send": SendResource,
        "sends": SendsResource,
        "start": StartResource,
        "stop": StopResource,
        "attach": AttachResource,
        "forget": ForgetResource,
        "workflow": WorkflowResource,
        "workflow/{kind}": WorkflowResource,
    }
    for name, resource in resources.items():
        app.add_route(f"/api/{name}", resource(platform))
    page = PageResource()
    app.add_route("/", page)
    app.add_route("/{name}", page)
    return app


def _refused(
    req: falcon.Request, resp: falcon.Response, error: Refused, params: dict[str, Any]
) -> None:
    resp.status = falcon.code_to_http_status(error.status)
    resp.media = {"error": str(error)}


def _internal_error(
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
