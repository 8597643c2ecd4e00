"""Metrics over HTTP, if ``DUBHE_METRICS_PORT`` is set: a thread in the sidecar.

By default nothing is imported or opened. It runs in the sidecar, so that a scrape fails when the
sidecar has ended. It cannot end the sidecar: a port that is in use is reported in the log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dubhe_sdk import environment
from dubhe_sidecar.prometheus import CONTENT_TYPE, render
from dubhe_sidecar.status import inspect

log = logging.getLogger("dubhe_sidecar")

_HOST = "127.0.0.1"
_PATH = "/metrics"
_CLIENT_SECONDS = 5.0
# Counting undelivered records means reading them. For a full spool that takes seconds, which
# delivery would lack, so inspecting may take at most this share of the time.
_TIME_SHARE = 0.05
_MIN_AGE_SECONDS = 1.0


@dataclass(frozen=True)
class MetricsOptions:
    """``DUBHE_METRICS_PORT`` and ``DUBHE_METRICS_HOST``."""

    port: int
    """0: no metrics over HTTP."""
    host: str
    """The address to listen on; loopback by default."""


def read_metrics_options(env: Mapping[str, str]) -> MetricsOptions:
    """Read the options.

    A port that Kubernetes has set for a Service called ``dubhe-metrics`` is ignored, with a line in
    the log.

    Raises:
        EnvironmentInvalid: the port is malformed.
    """
    if environment.is_service_link(env, "DUBHE_METRICS_PORT"):
        log.info(
            "DUBHE_METRICS_PORT is %s, set by Kubernetes for the Service dubhe-metrics: ignored. "
            "For metrics of the sidecar, set a port in the pod's own env, which takes precedence",
            env["DUBHE_METRICS_PORT"].strip(),
        )
    return MetricsOptions(
        port=environment.number(env, "DUBHE_METRICS_PORT", 0, low=0, high=65535),
        host=environment.text(env, "DUBHE_METRICS_HOST") or _HOST,
    )


def labels(env: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of this container's samples."""
    instance_id = environment.text(env, "INSTANCE_ID")
    return {"instance_id": instance_id} if instance_id else {}


class MetricsSnapshot:
    """The text of the metrics, rendered again when it is too old.

    Args:
        spool: the spool's directory.
        labels: of every sample.
    """

    def __init__(self, spool: Path, labels: Mapping[str, str]) -> None:
        self._spool = spool
        self._labels = labels
        self._text = b""
        self._until = float("-inf")

    def text(self) -> bytes:
        """Return the text.

        Raises:
            OSError: the spool cannot be read.
            SinkError: its cursor cannot be read.
        """
        began = time.monotonic()
        if began >= self._until:
            self._text = render(inspect(self._spool), self._labels).encode()
            now = time.monotonic()
            self._until = now + max(_MIN_AGE_SECONDS, (now - began) / _TIME_SHARE)
        return self._text


def serve(options: MetricsOptions, snapshot: MetricsSnapshot) -> int | None:
    """Serve in a thread that ends with the process.

    Returns:
        The port; None if it is not set, or could not be opened, which is logged.
    """
    if not options.port:
        return None
    from http.server import BaseHTTPRequestHandler, HTTPServer  # only if it is set

    class Handler(BaseHTTPRequestHandler):
        timeout = _CLIENT_SECONDS
        protocol_version = "HTTP/1.0"  # one request to a connection, so that none is held for long

        def do_GET(self) -> None:
            """Answer a scrape."""
            if self.path.partition("?")[0] != _PATH:
                self._reply(404, b"the metrics are at /metrics\n", "text/plain; charset=utf-8")
                return
            try:
                text = snapshot.text()
            except Exception as error:  # noqa: BLE001 - sent to the scraper, and logged
                log.warning("the metrics cannot be read: %s", error)
                self._reply(500, f"{error}\n".encode("utf-8", "replace"), CONTENT_TYPE)
                return
            self._reply(200, text, CONTENT_TYPE)

        def _reply(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: a scrape every few seconds is not an event."""

    class Server(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Log a client that was too slow or has closed the connection."""
            log.debug("a metrics client closed its connection", exc_info=True)

    try:
        server = Server((options.host, options.port), Handler)
    except OSError as error:
        log.warning(
            "no metrics: %s:%d (DUBHE_METRICS_HOST, DUBHE_METRICS_PORT) cannot be listened on: %s",
            *(options.host, options.port, error.strerror or error),
        )
        return None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_port)
