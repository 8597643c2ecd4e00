"""Requests that come as a `SharedBody`: the web front has not read them.

To read 20 MB takes 30 ms, in which the web front would answer no heartbeat, and twice their memory.
So the model process checks them, by the rules of `dubhe_sdk.contract.requests` that the web front
applies to all others. What does not pass is given back: the web front reads it itself, and refuses
it in its own words.
"""

from __future__ import annotations

from typing import Any

from dubhe_sdk.contract import requests
from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.reporting.encoding import dumps


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
