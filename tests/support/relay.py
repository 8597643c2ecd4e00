"""`Relay`: stands between a client and a server, and lets the server seem to be away."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType

Address = str | tuple[str, int]
CHUNK = 65536


class Relay:
    """Passes on what it gets, from entering to leaving.

    Args:
        server: the path of a Unix socket, or host and port.
        path: where to listen: a path; None for a port of the loopback.
    """

    def __init__(self, server: Address, path: Path | None = None) -> None:
        self._server = server
        self._path = path
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._flows = threading.Event()
        self._lost: bytes | None = None
        self.address: Address = str(path) if path is not None else ("127.0.0.1", 0)

    def silence(self) -> None:
        """Take everything, and pass nothing on until `resume`: the server has been stopped."""
        self._flows.clear()

    def refuse(self) -> None:
        """End every connection, and take no further ones until `resume`: the server is gone."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        self._close_all()

    def lose_answer(self, to: bytes) -> None:
        """Pass requests on that have these words, but end the connection instead of the answer."""
        self._lost = to

    def resume(self) -> None:
        """Be as in the beginning."""
        self._lost = None
        self._flows.set()
        if not self._accepting.is_alive():
            self._listen()

    def __enter__(self) -> Relay:
        self._flows.set()
        self._listen()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flows.set()
        if self._accepting.is_alive():
            self.refuse()

    def _listen(self) -> None:
        family = socket.AF_UNIX if self._path is not None else socket.AF_INET
        self._listener = socket.socket(family)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        else:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self.address)
        self._listener.listen()
        self.address = self._listener.getsockname()
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET)
        with self._lock:
            self._sockets |= {client, server}
        self._flows.wait()
        losing = threading.Event()
        with contextlib.suppress(OSError):
            server.connect(self._server)
            back = threading.Thread(target=self._pass, args=(server, client, losing), daemon=True)
            back.start()
            self._pass(client, server, losing)
            back.join()
        with self._lock:
            self._sockets -= {client, server}
        client.close()
        server.close()

    def _pass(self, from_: socket.socket, to: socket.socket, losing: threading.Event) -> None:
        forth = from_.getsockname() == self.address
        with contextlib.suppress(OSError):
            while data := from_.recv(CHUNK):
                self._flows.wait()
                if forth and self._lost is not None and self._lost in data:
                    losing.set()
                if not forth and losing.is_set():
                    break
                to.sendall(data)
            # An answer may still come for what has only been half closed.
            to.shutdown(socket.SHUT_WR if forth and not losing.is_set() else socket.SHUT_RDWR)
            if losing.is_set():
                from_.shutdown(socket.SHUT_RDWR)

    def _close_all(self) -> None:
        with self._lock:
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
