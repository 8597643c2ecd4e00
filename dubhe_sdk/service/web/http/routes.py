"""HTTP: the contract's four routes over one handler, as a WSGI application.

Every reply of the contract, refusals too, has status 200: clients read only the JSON.
"""

from __future__ import annotations

import logging
from typing import cast

import falcon

from dubhe_sdk.contract.requests import ROUTES, RequestType
from dubhe_sdk.service.web.handler import RequestHandler
from dubhe_sdk.service.web.http.body import RequestBody
from dubhe_sdk.service.web.limits.body_errors import BodyUnusable
from dubhe_sdk.service.web.limits.memory_budget import BudgetExceeded
from dubhe_sdk.service.web.options import WebOptions

_log = logging.getLogger(__name__)


def make_app(
    handler: RequestHandler, options: WebOptions
) -> falcon.App[falcon.Request, falcon.Response]:
    """Return the application. It is made for `dubhe_sdk.service.web.http.worker`, whose
    ``wsgi.input`` it needs.
    """
    app = falcon.App()
    for path, type_ in ROUTES.items():
        app.add_route(path, Route(handler, type_, options))

    def serialize_error(
        request: falcon.Request, response: falcon.Response, error: falcon.HTTPError
    ) -> None:
        """Put an error of the routing (unknown path, wrong method) into the contract's form."""
        what = f"{request.method} {request.path[:200]}"
        known = ", ".join(ROUTES)
        response.data = handler.refuse(
            f"param error: {what}: {error.status}; GET or POST one of {known}"
        )

    def handle_unexpected_error(
        request: falcon.Request,
        response: falcon.Response,
        error: Exception,
        params: dict[str, object],
    ) -> None:
        """Answer even if this program is at fault, and log it."""
        _log.error("a request to %s could not be answered", request.path, exc_info=error)
        response.data = handler.refuse(f"exception occurs: {type(error).__name__}: {error}")

    app.set_error_serializer(serialize_error)
    app.add_error_handler(Exception, handle_unexpected_error)
    return app


class Route:
    """One of the four paths.

    Args:
        handler: answers.
        type_: what requests to this path are.
        options: limits.
    """

    def __init__(self, handler: RequestHandler, type_: RequestType, options: WebOptions) -> None:
        self._handler = handler
        self._type = type_
        self._limit = options.max_request_bytes
        self._seconds = options.transfer_timeout_seconds

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Answer a request."""
        body = cast(RequestBody, request.env["wsgi.input"])
        try:
            data = body.read_all(request.env.get("CONTENT_LENGTH"), self._limit, self._seconds)
        except (BodyUnusable, BudgetExceeded) as error:
            response.data = self._handler.refuse_body(error)
        else:
            try:
                response.data = self._reply(request, data, body)
            finally:
                body.done()

    on_get = on_post
    on_head = on_post  # load balancers ask so; the reply has no body

    def _reply(self, request: falcon.Request, data: bytes, body: RequestBody) -> bytes:
        coding = request.env.get("HTTP_CONTENT_ENCODING", "identity")
        if coding.lower() != "identity" and data.lstrip()[:1] not in (b"{", b'"'):
            return self._handler.refuse(
                f"param error: the body is compressed (Content-Encoding: {coding[:40]}); expected "
                "JSON as it is: send it without compression"
            )
        return self._handler.handle(data, self._type, body)

    def on_options(self, request: falcon.Request, response: falcon.Response) -> None:
        """Refuse: falcon's own answer has no JSON, and other sites' pages are not allowed."""
        raise falcon.HTTPMethodNotAllowed(("GET", "POST"))
