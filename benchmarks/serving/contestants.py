"""Who takes part in the serving."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.serving.servers.batched_model import MOST
from benchmarks.serving.servers.model import NOOP
from benchmarks.serving.servers.replies import LENGTH

INSTANCE = "modelid1-bench-inference-1"


@dataclass(frozen=True)
class Server:
    """A server, how it is reached, and where its model runs."""

    name: str
    module: str
    """Below ``benchmarks.serving.servers``."""
    packages: tuple[str, ...]
    apart: bool
    """Whether the model has a process of its own, so that it cannot stop the heartbeat."""
    http: bool = True
    reference: str = "bare-http"
    path: str = "/predict/multiple"
    heartbeat_route: str = "POST /heart"
    good: str = '"data"'
    environ: Mapping[str, str] = field(default_factory=dict)
    payload: tuple[str, int] | None = None
    """What makes a request large: ``base64`` or ``list``, and how many bytes."""

    @property
    def is_ours(self) -> bool:
        """Whether this project serves it."""
        return not self.packages

    def request(self, what: str) -> bytes:
        """Return an inference request, whole, for the model to do ``what``."""
        return self._message(f"POST {self.path}", self._body(what))

    def heartbeat(self) -> bytes:
        """Return a heartbeat, whole."""
        return self._message(self.heartbeat_route, {"req_type": 0, "instance_id": INSTANCE})

    def _body(self, what: str) -> dict[str, Any]:
        if "mlserver" in self.module:
            tensor = {"name": "image_names", "shape": [1], "datatype": "BYTES", "data": [what]}
            return {"inputs": [{**tensor, "parameters": {"content_type": "str"}}]}
        if "bentoml" in self.module:  # refuses nothing, but has a signature
            return {"image_names": [what]}
        return {
            "req_type": 3,
            "instance_id": INSTANCE,
            "request_number": 7,
            "image_base_dir": "/data/images",
            "image_names": [what, *self._names()],
            "resource_type": 1,
            "resource_allocation": {"CUDA_VISIBLE_DEVICES": "0"},
            **self._picture(),
        }

    def _names(self) -> list[str]:
        if self.payload is None or self.payload[0] != "list":
            return []
        name = "/data/images/line-1/camera-3/{:09}.png".format
        return [name(number) for number in range(self.payload[1] // (len(name(0)) + 4))]

    def _picture(self) -> dict[str, str]:
        if self.payload is None or self.payload[0] != "base64":
            return {}
        return {"picture": base64.b64encode(os.urandom(self.payload[1] * 3 // 4)).decode()}

    def _message(self, route: str, body: dict[str, Any]) -> bytes:
        data = json.dumps(body).encode()
        if not self.http:
            return LENGTH.pack(len(data)) + data
        if route.startswith("GET"):
            return f"{route} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        head = f"{route} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


_BARE = ("gunicorn[gevent]==27.0.1", "packaging", "falcon==4.4.0", "gevent==26.9.0")
# Room for all clients of the largest load; what is refused would not be comparable.
_QUEUE = {"DUBHE_INFERENCE_QUEUE": "2048"}

SERVERS = (
    Server("bare-http", "bare_http", _BARE, False),
    Server("ours-http", "app", (), True, environ={"protocol": "http", **_QUEUE}),
    Server("flask", "flask_app", ("flask==3.1.3",), False),
    Server("fastapi", "fastapi_app", ("fastapi==0.165.0", "uvicorn[standard]==0.54.0"), False),
    Server("litserve", "litserve_app", ("litserve==0.2.19",), True, heartbeat_route="GET /health"),
    Server("bentoml", "bentoml_app", ("bentoml==1.4.40",), False, heartbeat_route="GET /livez"),
    Server(
        "mlserver",
        "mlserver_app",
        ("mlserver==1.7.1", "uvloop<0.22"),  # its workers do not start with a newer one,
        True,
        path="/v2/models/bench/infer",
        heartbeat_route="GET /v2/health/live",
        good='"outputs"',
    ),
    Server("bare-tcp", "bare_tcp", _BARE, False, http=False, reference="bare-tcp"),
    Server("relay-tcp", "relay_tcp", _BARE, True, http=False, reference="bare-tcp"),
    Server(
        "ours-tcp",
        "app",
        (),
        True,
        http=False,
        reference="bare-tcp",
        environ={"protocol": "tcp", **_QUEUE},
    ),
)
BATCHING = (
    Server("ours-http", "batched_app", (), True, environ={"protocol": "http", "BENCH_BATCH": "1"}),
    Server(
        "ours-http-batches",
        "batched_app",
        (),
        True,
        environ={"protocol": "http", "BENCH_BATCH": str(MOST)},
    ),
    *(
        replace(server, module=f"batched_{server.name}")
        for server in SERVERS
        if server.name in ("litserve", "bentoml", "mlserver")
    ),
    Server(
        "ours-tcp",
        "batched_app",
        (),
        True,
        http=False,
        environ={"protocol": "tcp", "BENCH_BATCH": "1"},
    ),
    Server(
        "ours-tcp-batches",
        "batched_app",
        (),
        True,
        http=False,
        environ={"protocol": "tcp", "BENCH_BATCH": str(MOST)},
    ),
)
SINGLE = {True: "ours-http", False: "ours-tcp"}
"""This project without batches, by whether it is HTTP."""
REFERENCES = {server.reference for server in SERVERS}
PROBE = NOOP
