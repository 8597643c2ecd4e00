"""Asks a service on this host for its heartbeat, as the platform does."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from dubhe_sdk.contract.framing import FrameReader, FrameTooLarge, pack
from dubhe_sdk.contract.requests import FLAG_OK, ROUTES, RequestType

_HOST = "127.0.0.1"
_LONGEST_REPLY = 1 << 16
_ROUTE = next(route for route, type_ in ROUTES.items() if type_ is RequestType.HEARTBEAT)


def heartbeat_problem(protocol: str, port: int, instance_id: str, seconds: float) -> str | None:
    """Ask once.

    Args:
        protocol: ``http`` or ``tcp``.
        port: where the service listens.
        instance_id: whose heartbeat it is.
        seconds: for connecting, and for each part of the reply.

    Returns:
        None if the service is online, otherwise what is wrong, in words.
    """
    request = {"req_type": int(RequestType.HEARTBEAT), "instance_id": instance_id}
    body = json.dumps(request).encode()
    ask = _ask_http if protocol == "http" else _ask_tcp
    try:
        reply: Any = json.loads(ask(port, body, seconds))
    except (OSError, http.client.HTTPException, FrameTooLarge) as error:
        return f"port {port} does not answer over {protocol}: {type(error).__name__}: {error}"
    except ValueError as error:
        return f"port {port} answers over {protocol}, but not in JSON: {error}"
    if not isinstance(reply, dict) or reply.get("flag") != FLAG_OK:
        return f"port {port} answers over {protocol}: {reply}"
    return None


def _ask_http(port: int, body: bytes, seconds: float) -> bytes:
    connection = http.client.HTTPConnection(_HOST, port, timeout=seconds)
    try:
        connection.request("POST", _ROUTE, body, {"Content-Type": "application/json"})
        return connection.getresponse().read(_LONGEST_REPLY)
    finally:
        connection.close()


def _ask_tcp(port: int, body: bytes, seconds: float) -> bytes:
    with socket.create_connection((_HOST, port), timeout=seconds) as sock:
        sock.sendall(pack(body))
        reply = FrameReader(sock, _LONGEST_REPLY).read()
    if reply is None:
        raise ConnectionError("the connection closed without a reply")
    return reply
