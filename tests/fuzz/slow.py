"""Clients that send a byte now and then: each has to be closed within the service's own limits."""

from __future__ import annotations

import socket
import threading
import time

# The service's limits in these runs.
TRANSFER_SECONDS = 8.0
IDLE_SECONDS = 10.0
_BYTE_EVERY_SECONDS = 0.5
_CLOSED_WITHIN_SECONDS = IDLE_SECONDS + 20.0
_BEGINNINGS = {
    "tcp": (b"\0\0\xff\0{", b"\0", b"\0\0\0\x7f" + b" " * 20),
    "http": (
        b"POST /heart HT",
        b"POST /heart HTTP/1.1\r\nX: ",
        b"POST /heart HTTP/1.1\r\nContent-Length: 60000\r\n\r\n",
        b"POST /heart HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
}


class SlowClients:
    """A thread with a few of them; a new one for each that is closed."""

    def __init__(self, port: int, protocol: str) -> None:
        self._port = port
        self._beginnings = _BEGINNINGS[protocol]
        self._over = threading.Event()
        self.closed = 0
        self.longest = 0.0
        self._thread = threading.Thread(target=self._run, name="slow clients", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; fail if one was kept for longer than allowed."""
        self._over.set()
        self._thread.join()
        assert self.longest < _CLOSED_WITHIN_SECONDS, f"kept for {self.longest:.0f} s"

    def _run(self) -> None:
        clients = [self._begin(beginning) for beginning in self._beginnings]
        while not self._over.wait(_BYTE_EVERY_SECONDS):
            for number, (sock, began) in enumerate(clients):
                self.longest = max(self.longest, time.monotonic() - began)
                if not _drip(sock):
                    sock.close()
                    self.closed += 1
                    clients[number] = self._begin(self._beginnings[number])
        for sock, _ in clients:
            sock.close()

    def _begin(self, beginning: bytes) -> tuple[socket.socket, float]:
        sock = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        sock.sendall(beginning)
        sock.setblocking(False)
        return sock, time.monotonic()


def _drip(sock: socket.socket) -> bool:
    """Send a byte. Returns whether the connection is still open."""
    try:
        sock.send(b"1")
        return sock.recv(4096) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
