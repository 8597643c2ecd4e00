"""Flask's own server, a thread for each connection."""

from __future__ import annotations

import logging
import sys
from typing import Any

from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler

from benchmarks.serving.servers import model

app = Flask(__name__)


@app.post("/predict/multiple")
def predict() -> dict[str, Any]:
    """Answer one request."""
    return {"flag": 1, "data": model.infer(request.get_json()["image_names"])}


@app.post("/heart")
def heartbeat() -> dict[str, Any]:
    """Answer a heartbeat."""
    return {"flag": 1}


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    WSGIRequestHandler.protocol_version = "HTTP/1.1"  # keeps connections, to its advantage
    app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
