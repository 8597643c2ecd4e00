"""One HTTP connection: sound requests with unsound bodies, then one that is no HTTP."""

from __future__ import annotations

from random import Random

from tests.fuzz.connection import Connection
from tests.fuzz.payloads import LIMIT, payload
from tests.fuzz.replies import Bytes

_PIPELINED = 24
_PATHS = (b"/heart", b"/predict/multiple", b"/train/start", b"/predict/batch")
_ODD_PATHS = (b"/", b"/%00", b"/heart/", b"/../heart", b"//heart", b"/heart?a=%ff", b"*", b"/\xc3")
_STATUSES = {200, 400, 404, 405, 414, 417, 431, 501}


def session(port: int, random: Random) -> int:
    """Run one connection. Returns how many inputs it sent.

    Raises:
        AssertionError: a reply is missing, or is none of the contract's.
        OSError: the connection broke before everything was answered, or is stuck.
    """
    with Connection(port) as connection:
        number = random.randint(1, _PIPELINED)
        connection.send_cut(b"".join(_request(random) for _ in range(number)), random)
        for _ in range(number):
            status, body = connection.bytes.response()
            assert status in (200, 404, 405), (status, body)
            connection.check(body)
        ending = _ending(random)
        if ending is not None:
            connection.send_or_lose(ending, random)
        connection.end(random)
        _check_rest(connection)
        return number + (ending is not None)


def _check_rest(connection: Connection) -> None:
    rest = Said(connection.rest)
    while not rest.is_over:
        status, body = rest.response()
        assert status in _STATUSES, (status, body)
        connection.check(body)


class Said(Bytes):
    """Reads replies from bytes that have all arrived."""

    def __init__(self, data: bytes) -> None:
        self._buffer = data

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return not self._buffer

    def _more(self) -> None:
        raise AssertionError(f"a reply is cut off: {self._buffer[:200]!r}")


def _request(random: Random) -> bytes:
    """Return a request that is HTTP, so that it is answered and the connection kept."""
    body = payload(random)
    path = random.choice(_PATHS) if random.random() < 0.97 else b"/nothing"
    method = b"POST" if random.random() < 0.8 else random.choice((b"GET", b"PUT", b"DELETE"))
    head = method + b" " + path + b" HTTP/1.1\r\nHost: x\r\n"
    if random.random() < 0.1:
        head += b"X-%d: %s\r\n" % (random.randrange(99), b"y" * random.randrange(2000))
    if random.random() < 0.2:
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + _chunked(body, random)
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _chunked(body: bytes, random: Random) -> bytes:
    step = random.choice((1 + len(body) // 3, 7 + len(body) // 9, len(body) + 1))
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    extension = random.choice((b"", b"", b";a=b"))
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
    return chunks + b"0\r\n" + random.choice((b"", b"", b"X-T: 1\r\n")) + b"\r\n"


def _ending(random: Random) -> bytes | None:
    """Return what is no request, or not all of one; None: only hang up."""
    whole = _request(random)
    kind = random.randrange(8)
    if kind == 0:
        return whole[: random.randrange(len(whole))]
    if kind == 1:
        return random.randbytes(random.choice((1, 4, 60, 500)))
    if kind == 2:
        head, _, body = whole.partition(b"\r\n\r\n")
        at = random.randrange(len(head))
        return head[:at] + bytes([random.randrange(256)]) + head[at + 1 :] + b"\r\n\r\n" + body
    if kind == 3:
        headers = random.sample(_BAD_HEADERS, random.randint(1, 3))
        return b"POST /heart HTTP/1.1\r\nHost: x\r\n" + b"".join(headers) + b"\r\n{}"
    if kind == 4:
        return random.choice(_BAD_LINES) + b"\r\nHost: x\r\n\r\n"
    if kind == 5:
        chunks = random.choice(_BAD_CHUNKS)
        return b"POST /heart HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    if kind == 6:
        return b"GET " + random.choice(_ODD_PATHS) + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    return None


_BAD_HEADERS = (
    *(b"Content-Length: -1\r\n", b"Content-Length: 2, 2\r\n", b"Content-Length: 0x2\r\n"),
    *(b"Content-Length: 2\r\n", b"Content-Length: 2\r\n", b"Content-Length: 99999999999999999\r\n"),
    *(b"Content-Length: %d\r\n" % (LIMIT + 1), b"Content-Length: +2\r\n", b"Content-Length:\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked, identity\r\n"),
    *(b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding : chunked\r\n"),
    *(b"Transfer-Encoding:\x0bchunked\r\n", b"X: a\r\n b\r\n", b"X: \0\r\n", b": x\r\n", b"x\r\n"),
    *(b"Host: y\r\n", b"Expect: 100-continue\r\n", b"Expect: much\r\n", b"Upgrade: h2c\r\n"),
    *(b"X: 1\n", b"X: \xff\xfe\r\n", b"X: " + b"y" * 9000 + b"\r\n", b"X: 1\r\n" * 70),
    *(b"Connection: close\r\n", b"Connection: Upgrade, HTTP2-Settings\r\n", b"Trailer: x\r\n"),
    b"\0\0\0\r\n",
)
_BAD_LINES = (
    *(b"GET", b"GET /heart", b"GET /heart HTTP/1.0", b"GET /heart HTTP/2.0"),
    *(b"GET  /heart  HTTP/1.1", b"PUT\t/heart HTTP/1.1"),
    *(b"get /heart HTTP/1.1", b"GET /heart http/1.1", b"G\0T /heart HTTP/1.1", b"\r\n\r\n\r\n"),
    *(b"GET /" + b"x" * 9000 + b" HTTP/1.1", b"GET http://x/heart HTTP/1.1", b"PRI * HTTP/2.0"),
    *(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2", b"CONNECT x:1 HTTP/1.1", b"GET /heart HTTP/9.9"),
)  # fmt: skip
_BAD_CHUNKS = (
    *(b"zz\r\n{}\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"2\n{}\n0\n\n"),
    *(b"ffffffffffffffffffff\r\n{}", b"2\r\n{}X", b"2;\x01=\r\n{}\r\n0\r\n\r\n", b" 2\r\n{}\r\n"),
    *(b"1" * 9000, b"2\r\n{}\r\n0\r\nX\r\n\r\n", b"2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n"),
    *(b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 70 + b"\r\n", b"2\r\n{}\r\n0\r\n", b""),
)
