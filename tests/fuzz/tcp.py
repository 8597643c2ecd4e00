"""One TCP connection: sound frames with unsound payloads, then an end that breaks the framing."""

from __future__ import annotations

import struct
from random import Random

from tests.fuzz.connection import Connection
from tests.fuzz.payloads import LIMIT, payload

_PIPELINED = 48


def session(port: int, random: Random) -> int:
    """Run one connection. Returns how many inputs it sent.

    Raises:
        AssertionError: a reply is missing, or is none of the contract's.
        OSError: the connection broke before everything was answered, or is stuck.
    """
    with Connection(port) as connection:
        bodies = [payload(random) for _ in range(random.randint(1, _PIPELINED))]
        connection.send_cut(b"".join(_framed(body) for body in bodies), random)
        for _ in bodies:
            connection.check(connection.bytes.frame())
        ending = _ending(random)
        if ending is not None:
            connection.send_or_lose(ending, random)
        connection.end(random)
        rest = connection.rest
        while rest:  # replies to what the ending could be read as
            size = int.from_bytes(rest[:4], "big")
            connection.check(rest[4 : 4 + size])
            rest = rest[4 + size :]
        return len(bodies) + (ending is not None)


def _framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def _ending(random: Random) -> bytes | None:
    """Return bytes that break the framing; None: only hang up."""
    body = payload(random)
    kind = random.randrange(9)
    if kind == 0:
        return struct.pack(">I", max(0, len(body) + random.choice((-3, -1, 1, 5, 1000)))) + body
    if kind == 1:
        return struct.pack(">i", random.choice((-1, -2, -(2**31)))) + body
    if kind == 2:
        return struct.pack(">I", random.choice((LIMIT + 1, 2**24, 2**31, 2**32 - 1))) + body
    if kind == 3:
        whole = _framed(body)
        return whole[: random.randrange(len(whole))]
    if kind == 4:
        return random.randbytes(random.choice((1, 3, 4, 5, 64, 500)))
    if kind == 5:
        return struct.pack("<I", len(body)) + body  # the other byte order
    if kind == 6:
        return b"\0" * random.choice((1, 2, 3, 7, 64))
    if kind == 7:
        return b"GET /heart HTTP/1.1\r\nHost: x\r\n\r\n"
    return None
