"""A running `dubhe ui`, asked over its HTTP API."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from dubhe_simulator.contract.json_safe import to_bytes
from dubhe_simulator.i18n import translate


class PlatformUnavailable(Exception):
    """It does not answer, or refuses. The text says what happened."""


class PlatformClient:
    """Asks one platform; every request has a connection of its own.

    Args:
        url: ``http://host:port``, or the link with the token that `dubhe ui` prints.
        timeout: seconds for an answer.
        token: for a platform that demands one, unless the link holds it.
    """

    def __init__(self, url: str, timeout: float, token: str | None = None) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._netloc = parts.netloc
        self._token = parse_qs(parts.query).get("token", [token])[0]
        self._timeout = timeout

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """Return the answer to GET ``/api/<path>``.

        Raises:
            PlatformUnavailable: it does not answer, or refuses.
        """
        return self._ask("GET", f"/api/{path}?{urlencode(query)}", None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to POST ``/api/<path>``.

        Raises:
            PlatformUnavailable: it does not answer, or refuses.
        """
        return self._ask("POST", f"/api/{path}", to_bytes(body))

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        try:
            connection = http.client.HTTPConnection(self._netloc, timeout=self._timeout)
            try:
                headers = {"Content-Type": "application/json", "X-Dubhe": "1"}
                if self._token:
                    headers["Authorization"] = f"Bearer {self._token}"
                connection.request(method, path, body, headers)
                reply = json.loads(connection.getresponse().read())
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            text = translate("send_no_ui", url=self._url, error=error or type(error).__name__)
            raise PlatformUnavailable(text) from error
        if not isinstance(reply, dict) or ("error" in reply and "id" not in reply):
            error_text = reply.get("error") if isinstance(reply, dict) else reply
            raise PlatformUnavailable(str(error_text))
        return reply
