"""`RequestHandler`: from a request's bytes to a reply's bytes, whatever the protocol.

HTTP and TCP only carry; every rule of section 3 of the contract is applied here, once. The
inference path is short on purpose: the body is parsed once and goes to the model as it came, and
the model's result is put into the reply as it came. A long inference is not even parsed here: the
model process checks it (`dubhe_sdk.model.large_request`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dubhe_sdk.contract import requests
from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.reporting.encoding import dumps
from dubhe_sdk.service.state import ServiceState, StartReply
from dubhe_sdk.service.web.inference.errors import (
    ClientGone,
    InferenceFailed,
    InferenceOverloaded,
    ModelDied,
    RequestNotAccepted,
)
from dubhe_sdk.service.web.limits.body_errors import BodyTooLarge, BodyUnusable
from dubhe_sdk.service.web.limits.memory_budget import BudgetExceeded
from dubhe_sdk.service.web.state_check import check_state

if TYPE_CHECKING:
    from dubhe_sdk.service.web.backend import Backend
    from dubhe_sdk.service.web.client import Client

try:
    import orjson

    _orjson_loads: Callable[[bytes], Any] | None = orjson.loads
except ImportError:
    _orjson_loads = None

_log = logging.getLogger(__name__)

# A double holds whole numbers exactly up to here; orjson reads longer ones as doubles.
_EXACT = 2**53

# Bound here, since a member is looked for by a detour in its class: each request asks.
_HEARTBEAT, _INFERENCE = RequestType.HEARTBEAT, RequestType.INFERENCE

_ONLINE = dumps(requests.success(RequestType.HEARTBEAT))
_INFERRED = dumps(requests.success(RequestType.INFERENCE))[:-1] + b',"data":'
_NUMBER = b',"request_number":'

# Where a long request has its `req_type`, as clients write it; the model process looks closer.
_IS_INFERENCE = re.compile(rb'"req_type"\s*:\s*3\b')
_EDGE_BYTES = 4096

_NESTED_TOO_DEEPLY = "param error: the request is nested too deeply"


class RequestHandler:
    """Answers requests. Several greenlets may be inside at once.

    Args:
        backend: the service parent and the model.
        limit: longest request in bytes; only for the text of the refusal, the protocols count.
    """

    def __init__(self, backend: Backend, limit: int) -> None:
        self._backend = backend
        self._limit = limit

    def handle(
        self, body: bytes | SharedBody, route_type: RequestType | None, client: Client | None = None
    ) -> bytes:
        """Return the reply to a request: a JSON object, UTF-8. Never raises because of ``body``.

        Args:
            body: as it came.
            route_type: the type that the HTTP route stands for; None for TCP, where
                ``req_type`` has it and an inference's reply repeats ``request_number``.
            client: who has sent it: an inference that waits is not run once the client has gone.
        """
        number = b""
        shared = body if isinstance(body, SharedBody) else None
        try:
            if shared is not None:
                with contextlib.suppress(RequestNotAccepted):
                    if self._is_for_model(shared, route_type):
                        return self._infer_shared(shared, client)
            whole = body.read() if isinstance(body, SharedBody) else body
            if route_type is _HEARTBEAT and not whole.strip():
                return _ONLINE
            request, loaded = _load(whole)
            type_ = _type(request, route_type)
            if route_type is None and type_ is _INFERENCE:
                number = _request_number(request)
            return self._answer(type_, request, loaded, number, client)
        except (RequestInvalid, InferenceOverloaded, ClientGone) as refused:
            message = str(refused)
        except InferenceFailed as failed:
            message = f"exception occurs: {failed.type_name}: {failed.text}"
        except ModelDied as gone:
            message = f"model failed: {gone}"
        except RecursionError:
            message = _NESTED_TOO_DEEPLY
        except Exception as error:  # noqa: BLE001 - logged, and the client waits for a reply
            _log.exception("a request could not be answered")
            message = f"exception occurs: {type(error).__name__}: {error}"
        if shared is not None and shared.request_number:
            number = _NUMBER + shared.request_number
        return _refusal(message, number)

    def refuse_too_large(self, found: int | None = None) -> bytes:
        """Return the refusal of a request that is longer than the limit.

        Args:
            found: its length in bytes, if it was announced.
        """
        what = "the request" if found is None else f"the request of {found} bytes"
        return self.refuse(f"param error: {what} is too large, at most {self._limit} bytes")

    def refuse_body(self, error: BodyUnusable | BudgetExceeded) -> bytes:
        """Return the refusal of a request whose body or frame cannot be had."""
        if isinstance(error, BodyTooLarge):
            return self.refuse_too_large(error.length)
        what = "" if isinstance(error, BudgetExceeded) else "param error: "
        return self.refuse(f"{what}{error}")

    def refuse(self, message: str) -> bytes:
        """Return a refusal for a reason that lies in the protocol."""
        return _refusal(message, b"")

    def _answer(
        self,
        type_: RequestType,
        request: dict[str, Any],
        body: bytes,
        number: bytes,
        client: Client | None,
    ) -> bytes:
        state = self._backend.state
        if request.get("instance_id") != state.instance_id:
            _check_instance(state, type_, request)
        if type_ is _HEARTBEAT:
            return _ONLINE
        requests.check_fields(request, type_)
        check_state(state, type_)
        if type_ is _INFERENCE:
            result = self._backend.infer(body, client)
            return b"".join((_INFERRED, result, number, b"}"))
        # The task gets numbers as they were written, beyond 64 bits too.
        self._check_reply(type_, self._backend.start_task(type_, requests.parse(body)))
        return dumps(requests.success(type_))

    def _is_for_model(self, body: SharedBody, route_type: RequestType | None) -> bool:
        """Return whether the model process shall read and check it, for it is an inference."""
        if route_type is None:
            return _IS_INFERENCE.search(body.edges(_EDGE_BYTES)) is not None
        return route_type is RequestType.INFERENCE

    def _infer_shared(self, body: SharedBody, client: Client | None) -> bytes:
        check_state(self._backend.state, RequestType.INFERENCE)
        result = self._backend.infer(body, client)
        number = _NUMBER + body.request_number if body.request_number else b""
        return b"".join((_INFERRED, result, number, b"}"))

    def _check_reply(self, type_: RequestType, reply: StartReply) -> None:
        if reply is StartReply.BUSY:
            raise RequestInvalid("service is busy: another task is running in this instance")
        if reply is StartReply.UNAVAILABLE:
            check_state(self._backend.state, type_)
            raise RequestInvalid("model is not ready: it cannot start a task now")


def _load(body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the request and the equivalent JSON object for the model."""
    if _orjson_loads is not None:
        try:
            value = _orjson_loads(body)
        except ValueError:
            pass  # the other parser accepts a little more, and words the refusal
        else:
            if type(value) is dict and (
                float not in map(type, value.values()) or not _has_long_number(value)
            ):
                return value, body
        request = requests.parse(body)
    else:
        request = requests.parse(body)
        if body[:1] == b"{" and body[1:2] != b"\0":  # not inside a text, not in UTF-16
            return request, body
    return request, json.dumps(request).encode()


def _has_long_number(request: dict[str, Any]) -> bool:
    return any(
        isinstance(value, float) and not -_EXACT < value < _EXACT for value in request.values()
    )


def _type(request: dict[str, Any], route_type: RequestType | None) -> RequestType:
    if route_type is None:
        return requests.type_of(request)
    if request.get("req_type") is not None:
        found = requests.type_of(request)
        if found is not route_type:
            raise RequestInvalid(
                f"param error: req_type is {int(found)} ({_name(found)}), but this route is for "
                f"{int(route_type)} ({_name(route_type)})"
            )
    return route_type


def _request_number(request: dict[str, Any]) -> bytes:
    """Return the end of the reply that repeats ``request_number``; empty if there is none."""
    number = requests.echoed_number(request)
    if type(number) is int:  # as nearly always
        return b"%b%d" % (_NUMBER, number)
    return b"" if number is None else _NUMBER + dumps(number)


def _check_instance(state: ServiceState, type_: RequestType, request: dict[str, Any]) -> None:
    if not state.platform_mode or state.instance_id is None:
        return
    if type_ is RequestType.HEARTBEAT and request.get("instance_id") is None:
        return
    requests.check_instance(request, state.instance_id)


def _refusal(message: str, number: bytes) -> bytes:
    body = dumps(requests.refusal(message))
    return body[:-1] + number + b"}" if number else body


def _name(type_: RequestType) -> str:
    return type_.name.lower()
