"""Requests in another protocol than the service's: which one it is, and the words for it.

The first four bytes decide. No frame of TCP begins as an HTTP request or a TLS handshake does: its
length would be above the limit. No HTTP request begins with a byte 0, as the frames of TCP do.
"""

from __future__ import annotations

from http import HTTPStatus

_HTTP_METHODS = (b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE", b"PATC", b"CONN", b"TRAC")

HTTP = "HTTP"
TLS = "TLS"
FRAMES = "TCP frames"

_INSTEAD = {
    HTTP: 'send frames, or have run.sh `export protocol="http"`',
    TLS: "send it without TLS",
    FRAMES: 'send HTTP requests, or have run.sh `export protocol="tcp"`',
}
_SERVED = {
    HTTP: "HTTP",
    FRAMES: "frames over TCP, each a 4-byte big-endian length and that many bytes of JSON",
}


def protocol_of(beginning: bytes) -> str | None:
    """Return the protocol of what begins with these bytes, if it is evident."""
    if beginning.startswith(_HTTP_METHODS):
        return HTTP
    if beginning.startswith(b"\x16\x03"):
        return TLS
    if beginning.startswith(b"\0"):
        return FRAMES
    return None


def describe(found: str, served: str) -> str:
    """Return the sentence for a request in the protocol ``found``."""
    return (
        f"param error: this is a request in {found}, but the service serves {_SERVED[served]}: "
        f"{_INSTEAD[found]}"
    )


def http_error(status: HTTPStatus, body: bytes) -> bytes:
    """Return an HTTP reply, after which the connection is closed."""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
