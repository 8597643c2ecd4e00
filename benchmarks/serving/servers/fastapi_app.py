"""FastAPI and uvicorn, one worker; the model in its thread pool, as its documentation has it."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI

from benchmarks.serving.servers import model

app = FastAPI()


@app.post("/predict/multiple")
def predict(body: dict[str, Any]) -> dict[str, Any]:
    """Answer one request."""
    return {"flag": 1, "data": model.infer(body["image_names"])}


@app.post("/heart")
async def heartbeat() -> dict[str, Any]:
    """Answer a heartbeat."""
    return {"flag": 1}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", backlog=2048)
