"""`parse_head`: the head of a request that has nothing unusual, by one regular expression.

Problem: gunicorn and falcon take 80 of the 100 microseconds that an HTTP request costs the web
front, for what is the same four routes and the same few headers each time.

Mechanism: a head is taken here only if all of it is as nearly every client writes it: HTTP/1.1, GET
or POST to a route of the contract, lines that end in CR LF, names of letters, digits and hyphens,
at most one ``Content-Length`` of digits, and none of the headers that change how the request is
read or the reply is written. Everything else is left to gunicorn, from its first byte.

Safety: what is taken here is read in the only way that RFC 9112 leaves. Two readers that could
disagree about where a request ends (two lengths, a transfer coding, a bare line feed, a blank
before a colon, a folded line, a control character) never both see it: none of these fits the
expression, so gunicorn decides about it, which refuses it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from dubhe_sdk.contract.requests import ROUTES, RequestType
from dubhe_sdk.service.web.options import MAX_HEADER_LINE_BYTES, MAX_HEADER_LINES

_ROUTES = {path.encode("ascii"): type_ for path, type_ in ROUTES.items()}
_PATHS = b"|".join(map(re.escape, _ROUTES))
_HEAD = re.compile(
    rb"(?:GET|POST) (" + _PATHS + rb") HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]{1,256}:[\x20-\x7e\x80-\xff]*\r\n)*)\r\n"
)
_HEARTBEAT = re.compile(rb"(?:GET|POST|HEAD) /heart[ ?]")
_NAME_AND_VALUE = re.compile(rb"([^:]+):[ ]*([^\r]*?)[ ]*\r\n")

# Beyond this a client does not repeat itself, and a head could fill the cache.
_LONGEST_KEPT = 1024

_LENGTH = re.compile(rb"[0-9]{1,10}")
_UNUSUAL = frozenset(
    {
        b"content-encoding",
        b"expect",
        b"http2-settings",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


class RequestHead(NamedTuple):
    """What of a head matters to the contract."""

    type_: RequestType
    """What the route stands for."""
    length: int
    """Of the body, in bytes."""
    closes: bool
    """Whether the client wants the connection closed after the reply."""


def is_heartbeat(begun: bytes) -> bool:
    """Return whether a request that begins so is a heartbeat."""
    return _HEARTBEAT.match(begun) is not None


def parse_head(head: bytes) -> RequestHead | None:
    """Return what a head says, or None if it is not as usual: then gunicorn reads it.

    Args:
        head: with the empty line at its end.

    Example:
        >>> parse_head(b"GET /heart HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n").length
        0
    """
    return _parse_kept(head) if len(head) <= _LONGEST_KEPT else _parse(head)


def _parse(head: bytes) -> RequestHead | None:
    found = _HEAD.fullmatch(head)
    if found is None:
        return None
    path, lines = found.groups()
    length: bytes | None = None
    closes = False
    headers = _NAME_AND_VALUE.findall(lines)
    if len(headers) > MAX_HEADER_LINES:
        return None
    hosts = 0
    for name, value in headers:
        key = name.lower()
        if len(name) + len(value) > MAX_HEADER_LINE_BYTES // 2 or key in _UNUSUAL:
            return None
        if key == b"content-length":
            if length is not None or _LENGTH.fullmatch(value) is None:
                return None
            length = value
        elif key == b"connection":
            if value.lower() not in (b"keep-alive", b"close"):
                return None
            closes = closes or value.lower() == b"close"
        elif key == b"host":
            hosts += 1
    if hosts > 1:
        return None
    return RequestHead(_ROUTES[path], int(length or 0), closes)


_parse_kept = lru_cache(maxsize=256)(_parse)
