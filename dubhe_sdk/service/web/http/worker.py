"""HTTP runs in gunicorn's gevent worker, without gunicorn's arbiter.

gunicorn and falcon read what is unusual; usual requests do without them: see
`dubhe_sdk.service.web.http.request_head`.

The service parent is what an arbiter would be: it holds the listening socket, starts the worker
again when it dies or is stuck, and stops it. A second process for the same weighs 30 MB.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket as plain_socket
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
from gevent import socket
from gevent.local import local
from gevent.server import StreamServer
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from gunicorn.workers.ggevent import GeventWorker

from dubhe_sdk.logs.format import WEB_LOG_LINE, formatter
from dubhe_sdk.service.web.arrivals import ArrivalOrder
from dubhe_sdk.service.web.http.body import RequestBody
from dubhe_sdk.service.web.http.client_socket import ClientSocket
from dubhe_sdk.service.web.http.malformed import MalformedRequests
from dubhe_sdk.service.web.http.plain_connection import PlainConnection
from dubhe_sdk.service.web.http.request_head import is_heartbeat
from dubhe_sdk.service.web.http.routes import make_app
from dubhe_sdk.service.web.limits.connections import drain
from dubhe_sdk.service.web.options import (
    MAX_HEADER_LINE_BYTES,
    MAX_HEADER_LINES,
    MAX_REQUEST_LINE_BYTES,
    WebOptions,
)
from dubhe_sdk.service.web.runtime import WebConfig, WebRuntime
from dubhe_sdk.service.web.stream import Stream

_SHARED_MEMORY = "/dev/shm"


def serve(config: WebConfig, options: WebOptions) -> int:
    """Serve until SIGTERM, or until the service parent is gone. Returns the exit status."""
    app = WebApplication(config, options)
    listener = socket.socket(fileno=config.listen_fd)
    logger = app.cfg.logger_class(app.cfg)
    WebWorker(1, os.getppid(), [listener], app, 0, app.cfg, logger).init_process()
    return 0


class WebLogger(Logger):  # type: ignore[misc]
    """gunicorn's lines in the form of all others."""

    def setup(self, cfg: Any) -> None:
        """Set up the loggers."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter(WEB_LOG_LINE))


class WebApplication(BaseApplication):  # type: ignore[misc]
    """Configures gunicorn by itself: no command line, no file, no environment."""

    def __init__(self, config: WebConfig, options: WebOptions) -> None:
        self._config = config
        self._options = options
        self.runtime: WebRuntime | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults, or could come from its variables."""
        settings = {
            "worker_tmp_dir": _memory_dir() or str(Path(self._config.model_sockets[0]).parent),
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "logger_class": WebLogger,
            "limit_request_line": MAX_REQUEST_LINE_BYTES,
            "limit_request_fields": MAX_HEADER_LINES,
            "limit_request_field_size": MAX_HEADER_LINE_BYTES,
            "forwarded_allow_ips": "",  # nobody may set the path or the scheme by a header
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the application."""
        self.runtime = WebRuntime(self._config, self._options)
        return make_app(self.runtime.handler, self._options)


class _ListenerName:
    """What gunicorn asks a listener for; during a stop that is closed."""

    def __init__(self, listener: socket.socket) -> None:
        self._name = listener.getsockname()

    def getsockname(self) -> Any:
        return self._name


class WebWorker(GeventWorker):  # type: ignore[misc]
    """gunicorn's gevent worker with bounded connections, bodies and replies.

    Nothing is monkey-patched: what waits here does so on gevent's own sockets and events.
    """

    sockets: list[Any]

    def init_process(self) -> None:
        """Prepare this process, then serve."""
        # gunicorn looks settings up by a detour, dozens of times a request: a tenth of its time.
        settings = self.cfg.settings
        self.cfg.__dict__.update({name: setting.get() for name, setting in settings.items()})
        super().init_process()

    def patch(self) -> None:
        """Leave the standard library alone; the listening socket is gevent's already."""

    def init_signals(self) -> None:
        """Take SIGTERM by the event loop, which then wakes at once."""
        super().init_signals()
        gevent.signal_handler(signal.SIGTERM, self._stop)

    def run(self) -> None:
        """Serve until SIGTERM, then let running requests end."""
        runtime = self._runtime
        if not runtime.wait_for_state():
            return
        self._malformed = MalformedRequests(
            runtime.handler, runtime.options.transfer_timeout_seconds
        )
        self._arrivals = ArrivalOrder(is_heartbeat)
        self._of_greenlet = local()
        (listener,) = self.sockets
        server = StreamServer(listener, partial(self.handle, _ListenerName(listener)))
        server.start()
        runtime.control.report_serving()
        runtime.ended.wait()
        self.alive = False
        if not runtime.orphaned:
            until = monotonic() + runtime.options.stop_timeout_seconds
            server.close()
            self._drain(runtime)
            runtime.connections.stop()
            runtime.connections.join(max(0.0, until - monotonic()))

    def _drain(self, runtime: WebRuntime) -> None:
        """Give whoever is connected one more reply, which says that it is the last.

        A request that comes just as its idle connection is closed would fail, and not every client
        repeats it.
        """
        if runtime.is_draining():
            gevent.wait([runtime.refusing, runtime.connections.empty], count=1)

    def timeout_ctx(self) -> Any:
        """Bound the wait for a request's headers; those of the first have begun already."""
        left = self._of_greenlet.__dict__.pop("seconds", None)
        seconds = self._runtime.options.idle_timeout_seconds if left is None else left
        return gevent.Timeout(seconds, False)

    def handle(self, listener: _ListenerName, client: socket.socket, addr: Any) -> None:
        """Serve one connection: usual requests as they are, others by gunicorn."""
        connections, options = self._runtime.connections, self._runtime.options
        stream = Stream(
            plain_socket.socket(fileno=client.detach()),
            self._arrivals,
            ends_when_half_closed=True,
            idle_seconds=options.idle_timeout_seconds,
        )
        served: Any = stream
        try:
            if not connections.add(stream):
                return
            begun = PlainConnection(stream, self._runtime).serve()
            if begun is None:
                return
            self._of_greenlet.seconds = stream.idle_seconds_left
            served = ClientSocket(stream.detach(), self._arrivals, begun)
            connections.replace(stream, served)
            super().handle(listener, served, addr)
        except OSError:
            pass  # the client is gone or too slow: no reply is possible
        finally:
            connections.remove(served)
            served.close()

    def handle_request(
        self, listener_name: Any, req: Request, sock: socket.socket, addr: Any
    ) -> None:
        """Serve one request, whose headers have arrived."""
        req.body = body = RequestBody(req, sock, self._runtime.connections, self._runtime.budget)
        sock.settimeout(self._runtime.options.transfer_timeout_seconds)
        reply = ReplySocket(sock)
        try:
            try:
                super().handle_request(listener_name, req, reply, addr)
            finally:
                reply.flush()
        except TimeoutError:
            raise StopIteration from None  # the client does not take its reply: close
        finally:
            body.release()
            if body.is_cut:
                drain(sock)
            sock.settimeout(None)

    def handle_error(
        self, req: Request | None, client: socket.socket, addr: Any, exc: BaseException
    ) -> None:
        """Answer what could not be read, or what this program could not do."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        with contextlib.suppress(OSError):  # the client is gone: no reply is possible
            self._malformed.refuse(client, addr[0] if addr else "", exc)

    @property
    def _runtime(self) -> WebRuntime:
        runtime: WebRuntime = self.app.runtime
        return runtime

    def _stop(self) -> None:
        self.alive = False  # replies say "Connection: close" from now on
        if self.app.runtime is not None:
            self.app.runtime.ended.set()


class ReplySocket:
    """Takes the place of the client's socket while a reply is written.

    gunicorn sends headers and body one by one. Together they cost half the system calls, and the
    client wakes once.

    Args:
        sock: the client's.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pieces: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        """Keep a piece of the reply."""
        self._pieces.append(data)

    def flush(self) -> None:
        """Send what was kept."""
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _memory_dir() -> str | None:
    """Return a folder in memory for a file that the worker opens, if there is one.

    The root may be read-only.
    """
    return _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else None
