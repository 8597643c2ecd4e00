"""The floor for TCP: a gevent server. The model runs in it."""

from __future__ import annotations

import json
import sys
from typing import Any

import gevent.server
from gevent.socket import IPPROTO_TCP, TCP_NODELAY

from benchmarks.serving.servers import model
from benchmarks.serving.servers.replies import LARGE_BYTES, LENGTH, ONLINE, TCP


def _rest_of_large(sock: Any, begun: bytes) -> bytes:
    """Return a whole large frame: `bytes` would be copied with each piece."""
    buffer = bytearray(begun)
    while len(buffer) < 4 + LENGTH.unpack_from(buffer)[0]:
        chunk = sock.recv(1 << 20)
        if not chunk:
            raise ConnectionError("the client hung up")
        buffer += chunk
    return bytes(buffer)


def _handle(sock: Any, address: Any) -> None:
    sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    buffer = b""
    while True:
        while len(buffer) < 4 or len(buffer) < 4 + LENGTH.unpack_from(buffer)[0]:
            try:
                chunk = sock.recv(65536)
            except ConnectionResetError:  # the load ends with a reply on its way
                chunk = b""
            if not chunk:
                return
            buffer += chunk
            if len(buffer) >= 4 and LENGTH.unpack_from(buffer)[0] >= LARGE_BYTES:
                buffer = _rest_of_large(sock, buffer)
        end = 4 + LENGTH.unpack_from(buffer)[0]
        body, buffer = buffer[4:end], buffer[end:]
        if len(body) >= LARGE_BYTES:
            json.loads(body)
        else:
            for what in (model.BUSY, model.HOLD):
                if b'"' + what.encode() + b'"' in body:
                    model.infer([what])
        reply = ONLINE if b'"req_type": 0' in body else TCP
        sock.sendall(LENGTH.pack(len(reply)) + reply)


if __name__ == "__main__":
    # A queue for all clients of the largest load, who connect at once.
    gevent.server.StreamServer(
        ("127.0.0.1", int(sys.argv[1])), _handle, backlog=2048
    ).serve_forever()
