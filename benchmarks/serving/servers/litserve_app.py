"""LitServe, one worker process for the model.

Annotations are looked at when it runs, and must not be texts.
"""

import sys
from typing import Any

import litserve

from benchmarks.serving.servers import model


class _Api(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request: dict[str, Any]) -> list[str]:
        names: list[str] = request["image_names"]
        return names

    def predict(self, names: list[str]) -> list[dict[str, Any]]:
        return model.infer(names)

    def encode_response(self, output: list[dict[str, Any]]) -> dict[str, Any]:
        return {"flag": 1, "data": output}


if __name__ == "__main__":
    litserve.LitServer(_Api(api_path="/predict/multiple"), accelerator="cpu", timeout=120).run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False
    )
