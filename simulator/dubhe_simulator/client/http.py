"""Requests over HTTP: JSON in the body, one route per type of request."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any

from dubhe_sdk.contract.requests import ROUTES, RequestType
from dubhe_simulator.client.base import REPLY_LIMIT, NoAnswer, decode, encode

_ROUTE_OF = {type_: route for route, type_ in ROUTES.items()}


class HttpClient:
    """A client for ``http`` algorithms; every request has a connection of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)

    def request(self, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """See `Client.request`."""
        route = _ROUTE_OF[RequestType(body["req_type"])]
        connection = http.client.HTTPConnection(*self._address, timeout=timeout)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", route, encode(body), headers)
            response = connection.getresponse()
            payload = response.read(REPLY_LIMIT)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"POST {route}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()
        try:
            return decode(payload)  # a refusal is an answer, whatever its HTTP status
        except NoAnswer as error:
            raise NoAnswer(f"POST {route}: HTTP {response.status}: {error}") from None

    def close(self) -> None:
        """Nothing is held between requests."""
