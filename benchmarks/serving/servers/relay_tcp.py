"""A plain relay to a model in a process of its own, over TCP: it looks at nothing but lengths.

The model's process answers one frame after another from a socket. The other one passes clients'
frames on as they come and hands the replies back in the same order: no limits, no queue, nothing
for a process that dies.
"""

from __future__ import annotations

import os
import socket
import sys
from collections import deque
from typing import Any

import gevent.server
import gevent.socket
from gevent.lock import BoundedSemaphore
from gevent.socket import IPPROTO_TCP, TCP_NODELAY

from benchmarks.serving.servers import model
from benchmarks.serving.servers.replies import LENGTH, ONLINE, TCP


def _frames(sock: Any, buffer: bytes) -> tuple[list[bytes], bytes]:
    """Receive at least one whole frame; none at the end. Returns them, and what is left over."""
    frames: list[bytes] = []
    while not frames:
        chunk = sock.recv(65536)
        if not chunk:
            return [], b""
        buffer += chunk
        while len(buffer) >= 4 and len(buffer) >= (end := 4 + LENGTH.unpack_from(buffer)[0]):
            frames.append(buffer[:end])
            buffer = buffer[end:]
    return frames, buffer


def _answer(sock: socket.socket) -> None:
    buffer = b""
    while True:
        frames, buffer = _frames(sock, buffer)
        if not frames:
            return
        for frame in frames:
            for what in (model.BUSY, model.HOLD):
                if b'"' + what.encode() + b'"' in frame:
                    model.infer([what])
            sock.sendall(LENGTH.pack(len(TCP)) + TCP)


class _Relay:
    def __init__(self, model_socket: Any) -> None:
        self._model = model_socket
        self._sending = BoundedSemaphore()  # where the buffer is full, nobody cuts into a frame
        self._waiting: deque[Any] = deque()

    def handle(self, sock: Any, address: Any) -> None:
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        buffer = b""
        while True:
            try:
                frames, buffer = _frames(sock, buffer)
            except ConnectionResetError:  # the load ends with a reply on its way
                return
            if not frames:
                return
            for frame in frames:
                if b'"req_type": 0' in frame:
                    sock.sendall(LENGTH.pack(len(ONLINE)) + ONLINE)
                else:
                    with self._sending:
                        self._waiting.append(sock)
                        self._model.sendall(frame)

    def hand_back(self) -> None:
        buffer = b""
        while True:
            frames, buffer = _frames(self._model, buffer)
            if not frames:
                return
            for frame in frames:
                try:
                    self._waiting.popleft().sendall(frame)
                except OSError:  # its client has gone
                    continue


def main() -> None:
    """Serve until a signal comes."""
    ours, models = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _answer(models)
        os._exit(0)
    models.close()
    relay = _Relay(gevent.socket.socket(fileno=ours.detach()))
    gevent.spawn(relay.hand_back)
    gevent.server.StreamServer(
        ("127.0.0.1", int(sys.argv[1])), relay.handle, backlog=2048
    ).serve_forever()


if __name__ == "__main__":
    main()
