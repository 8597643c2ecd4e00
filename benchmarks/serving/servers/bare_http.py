"""The floor for HTTP: gunicorn, falcon, one gevent worker. The model runs in the worker."""

from __future__ import annotations

import json
import sys
from typing import Any

import falcon
from gunicorn.app.base import BaseApplication

from benchmarks.serving.servers import model, replies


class _Infer:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        body = request.bounded_stream.read()
        if len(body) >= replies.LARGE_BYTES:
            json.loads(body)
        else:
            for what in (model.BUSY, model.HOLD):
                if b'"' + what.encode() + b'"' in body:
                    model.infer([what])
        response.data = replies.HTTP


class _Heartbeat:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        request.bounded_stream.read()
        response.data = replies.ONLINE


class _Bare(BaseApplication):  # type: ignore[misc]
    def load_config(self) -> None:
        self.cfg.set("bind", f"127.0.0.1:{sys.argv[1]}")
        self.cfg.set("worker_class", "gevent")
        self.cfg.set("loglevel", "warning")
        self.cfg.set("graceful_timeout", 1)
        if "control_socket_disable" in self.cfg.settings:
            self.cfg.set("control_socket_disable", True)

    def load(self) -> Any:
        app = falcon.App()
        app.add_route("/predict/multiple", _Infer())
        app.add_route("/heart", _Heartbeat())
        return app


if __name__ == "__main__":
    _Bare().run()
