"""Requests that come as a `SharedBody`: the web front has not read them.

To read 20 MB takes 30 ms, in which the web front would answer no heartbeat, and twice their memory.
So the model process checks them, by the rules of `dubhe_sdk.contract.requests` that the web front
applies to all others. What does not pass is given back: the web front reads it itself, and refuses
it in its own words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dubhe_sdk.contract import requests
from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.reporting.encoding import dumps

try:
    import orjson

    _orjson_loads: Callable[[memoryview], Any] | None = orjson.loads
except ImportError:
    _orjson_loads = None

# A request with more lists and objects than this is read faster once than read and looked through.
_MOST_CONTAINERS = 10_000

# From here on orjson has a float in a whole number's place; it has 64 bits for them.
_EXACT = 2.0**53


class NotAccepted(Exception):
    """The request is no inference that can be run as it is."""


def read_large(body: SharedBody, settings: Settings) -> tuple[dict[str, Any], bytes]:
    """Return the request, and its ``request_number`` as JSON: empty if the reply has none.

    Args:
        body: is closed.
        settings: the environment.

    Raises:
        NotAccepted: the web front has to read it.
    """
    try:
        request = _parse_fast(body)
        if request is None:
            request = requests.parse_text(body.text())
        has_type = request.get("req_type") is not None or settings.protocol == "tcp"
        if has_type and requests.type_of(request) is not RequestType.INFERENCE:
            raise NotAccepted
        if settings.platform_mode and settings.instance_id is not None:
            requests.check_instance(request, settings.instance_id)
        requests.check_fields(request, RequestType.INFERENCE)
    except (RequestInvalid, ValueError, RecursionError):
        raise NotAccepted from None
    finally:
        body.close()
    number = requests.echoed_number(request) if settings.protocol == "tcp" else None
    return request, b"" if number is None else dumps(number)


def _parse_fast(body: SharedBody) -> dict[str, Any] | None:
    """Return the request as orjson reads it, in a third of the time and without a copy as text.

    None if orjson is absent or does not take it, or if it may differ from what `json.loads` reads,
    as algorithms get it for short requests: a whole number beyond 64 bits is a float in orjson.
    """
    if _orjson_loads is None:
        return None
    try:
        with body.view() as view:
            request = _orjson_loads(view)
    except ValueError:
        return None
    return request if type(request) is dict and _is_exact(request) else None


def _is_exact(request: dict[str, Any]) -> bool:
    """Return whether no number in it can have been rounded; False also if it is too much to say."""
    left: list[Any] = [request]
    for seen, container in enumerate(left):  # which grows meanwhile
        if seen == _MOST_CONTAINERS:
            return False
        values = container.values() if type(container) is dict else container
        types = set(map(type, values))
        if float in types and any(type(v) is float and not -_EXACT < v < _EXACT for v in values):
            return False
        if list in types or dict in types:
            left += [value for value in values if type(value) is list or type(value) is dict]
    return True
