"""A load generator of raw sockets and epoll: ``python -m benchmarks.serving.load``, JSON on stdin.

It costs about a tenth of what a server takes for a request, and tells how much of a core it took.
The request has ``port``, ``message`` (hexadecimal: the whole request), ``http`` or framed, ``good``
(text a good reply holds), ``clients``, ``seconds``, ``warm`` (seconds before) and ``pause``
(seconds between a reply and the client's next request). Replies that are owed at the end are waited
for and count as latencies, not for the rate: else the longest ones would be left out.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
import time
from typing import Any

from benchmarks.serving.reply import framed_end, http_end
from benchmarks.stats import percentile

DRAIN_SECONDS = 20.0


class Load:
    """Clients that each send, wait for the reply, and send again."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._port = request["port"]
        self._message = bytes.fromhex(request["message"])
        self._end_of = http_end if request["http"] else framed_end
        self._good = request["good"].encode()
        self._pause = request["pause"]
        self._poll = select.epoll()
        self._socks: dict[int, socket.socket] = {}
        self._received: dict[int, bytes] = {}
        self._sent_at: dict[int, float] = {}
        self._due: list[tuple[float, int]] = []
        self.latencies: list[float] = []
        self.failed = 0
        self.counts = False
        self._draining = False
        for _ in range(request["clients"]):
            self._connect()

    def run(self, seconds: float) -> float:
        """Keep all clients busy for so long; return how long it was."""
        start = time.perf_counter()
        end = start + seconds
        resting = {fd for _, fd in self._due}
        for fd in [fd for fd in self._socks if fd not in self._sent_at and fd not in resting]:
            self._send(fd)
        now = start
        while now < end:
            until = min(end, self._due[0][0]) if self._due else end
            for fd, _ in self._poll.poll(max(0.0, until - now)):
                self._take(fd)
            now = time.perf_counter()
            while self._due and self._due[0][0] <= now:
                self._send(self._due.pop(0)[1])
        return now - start

    def drain(self, seconds: float) -> int:
        """Wait for what is owed, at most so long; return how many replies did not come."""
        self._draining = True
        self._due.clear()
        end = time.perf_counter() + seconds
        while self._sent_at and (left := end - time.perf_counter()) > 0:
            for fd, _ in self._poll.poll(left):
                self._take(fd)
        return len(self._sent_at)

    def _connect(self) -> int:
        sock = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fd = sock.fileno()
        self._socks[fd] = sock
        self._received[fd] = b""
        self._poll.register(fd, select.EPOLLIN)
        return fd

    def _send(self, fd: int) -> None:
        self._sent_at[fd] = time.perf_counter()
        with contextlib.suppress(OSError):  # closed by the server; the next poll sees its end
            self._socks[fd].sendall(self._message)

    def _take(self, fd: int) -> None:
        try:
            chunk = self._socks[fd].recv(65536)
        except ConnectionResetError:
            chunk = b""
        data = self._received[fd] = self._received[fd] + chunk
        end = self._end_of(data)
        if end is None and chunk:
            return
        now = time.perf_counter()
        good = end is not None and self._good in data
        if self.counts:
            if good:
                self.latencies.append(now - self._sent_at[fd])
            else:
                self.failed += 1
        self._received[fd] = b""
        if self._draining:
            self._poll.unregister(fd)
            del self._sent_at[fd]
            return
        if not chunk or b"onnection: close" in data:
            self._poll.unregister(fd)
            self._socks.pop(fd).close()
            del self._received[fd], self._sent_at[fd]
            fd = self._connect()
        if self._pause:
            self._sent_at.pop(fd, None)
            self._due.append((now + self._pause, fd))
        else:
            self._send(fd)


def main() -> None:
    """Warm up, then measure; answer one line."""
    request = json.load(sys.stdin)
    load = Load(request)
    load.run(request["warm"])
    load.counts = True
    cpu = time.process_time()
    elapsed = load.run(request["seconds"])
    cpu = time.process_time() - cpu
    kept = load.latencies
    rate = len(kept) / elapsed
    missing = load.drain(DRAIN_SECONDS)
    answer = {
        "rate": rate,
        "failed": load.failed + missing,
        "p50": percentile(kept, 0.5) if kept else None,
        "p99": percentile(kept, 0.99) if kept else None,
        "longest": max(kept, default=None),
        "core": cpu / elapsed,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
