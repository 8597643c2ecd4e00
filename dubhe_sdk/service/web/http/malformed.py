"""What cannot be read as an HTTP request: its reply, and a line in the log now and then.

gunicorn answers by a page of HTML and writes a line for each, so that a scanner could fill a disk.
Here the reply is the contract's refusal, with the status that HTTP has for it.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from gevent import socket
from gunicorn.http import errors
from gunicorn.http.errors import ParseException

from dubhe_sdk.contract.framing import pack
from dubhe_sdk.service.web import wrong_protocol
from dubhe_sdk.service.web.counted_log import CountedLog
from dubhe_sdk.service.web.handler import RequestHandler
from dubhe_sdk.service.web.http.client_socket import NotHttp
from dubhe_sdk.service.web.limits.connections import drain

_log = logging.getLogger(__name__)

_LONGEST = 300  # characters of the reason, which holds what the client has sent

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
        self._counted = CountedLog(_log, "requests that are not valid HTTP")

    def refuse(self, client: socket.socket, address: str, error: ParseException) -> None:
        """Send the refusal. The caller closes the connection, whose next byte means nothing.

        Raises:
            OSError: the client is gone, or does not take it.
        """
        reason = str(error)[:_LONGEST]
        self._counted.add(f"from {address}: {reason}")
        client.settimeout(self._seconds)
        client.sendall(self._reply(error, reason))
        drain(client)

    def _reply(self, error: ParseException, reason: str) -> bytes:
        if isinstance(error, NotHttp):
            refusal = self._handler.refuse(reason)
            if error.protocol == wrong_protocol.FRAMES:
                return pack(refusal)
            return wrong_protocol.http_error(HTTPStatus.BAD_REQUEST, refusal)
        status = next((s for kind, s in _STATUS if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
        refusal = self._handler.refuse(f"param error: the HTTP request cannot be read: {reason}")
        return wrong_protocol.http_error(status, refusal)
