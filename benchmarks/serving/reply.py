"""Where a reply ends in what has arrived so far."""

from __future__ import annotations

from benchmarks.serving.servers.replies import LENGTH


def framed_end(data: bytes) -> int | None:
    """Return the length of the first frame, or None if it is not complete."""
    if len(data) < LENGTH.size:
        return None
    end: int = LENGTH.size + LENGTH.unpack_from(data)[0]
    return end if len(data) >= end else None


def http_end(data: bytes) -> int | None:
    """Return the length of the first response, or None if it is not complete.

    Without ``Content-Length`` or chunks it ends with the connection: None until then.
    """
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    at = data.find(b"ontent-", 0, head)
    while at >= 0 and data[at : at + 14].lower() != b"ontent-length:":
        at = data.find(b"ontent-", at + 1, head)
    if at >= 0:
        end = head + 4 + int(data[at + 14 : data.index(b"\r\n", at)])
        return end if len(data) >= end else None
    if b"chunked" in data[:head].lower() and data.endswith(b"0\r\n\r\n"):
        return len(data)
    return None
