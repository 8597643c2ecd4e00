"""What cannot be read as an HTTP request: its reply, and a line in the log now and then.

gunicorn answers by a page of HTML and writes a line for each, so that a scanner could fill a disk.
Here the reply is the contract's refusal, with the status that HTTP has for it.
"""

from __future__ import annotations

import logging
import time
from http import HTTPStatus

from gevent import socket
from gunicorn.http import errors
from gunicorn.http.errors import ParseException

from dubhe_sdk.service.web.handler import RequestHandler
from dubhe_sdk.service.web.limits.connections import drain

_log = logging.getLogger(__name__)

_LOG_INTERVAL_SECONDS = 60.0
_LONGEST = 200  # characters of the reason, which holds what the client has sent

_STATUS = (
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG),
    (errors.LimitRequestHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    (errors.ExpectationFailed, HTTPStatus.EXPECTATION_FAILED),
    (errors.UnsupportedTransferCoding, HTTPStatus.NOT_IMPLEMENTED),
)


class MalformedRequests:
    """Answers them and counts them.

    Args:
        handler: words the refusal.
        seconds: what the client may take to read it.
    """

    def __init__(self, handler: RequestHandler, seconds: float) -> None:
        self._handler = handler
        self._seconds = seconds
        self._unlogged = 0
        self._logged_at = float("-inf")

    def refuse(self, client: socket.socket, address: str, error: ParseException) -> None:
        """Send the refusal. The caller closes the connection, whose next byte means nothing.

        Raises:
            OSError: the client is gone, or does not take it.
        """
        self._note(address, error)
        status = next((s for kind, s in _STATUS if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
        body = self._handler.refuse(
            f"param error: the HTTP request cannot be read: {str(error)[:_LONGEST]}"
        )
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        client.settimeout(self._seconds)
        client.sendall(head.encode("ascii") + body)
        drain(client)

    def _note(self, address: str, error: ParseException) -> None:
        self._unlogged += 1
        now = time.monotonic()
        if now - self._logged_at >= _LOG_INTERVAL_SECONDS:
            _log.warning(
                "requests that are not valid HTTP: %d, the last from %s: %s",
                *(self._unlogged, address, str(error)[:_LONGEST]),
            )
            self._unlogged = 0
            self._logged_at = now
