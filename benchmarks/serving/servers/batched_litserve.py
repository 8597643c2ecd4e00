"""LitServe with batches, one worker process for the model.

Annotations are looked at when it runs, and must not be texts.
"""

import sys
from typing import Any

import litserve

from benchmarks.serving.servers.batched_model import MOST, WAIT_SECONDS, infer


class _Api(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request: dict[str, Any]) -> str:
        name: str = request["image_names"][0]
        return name

    def batch(self, inputs: list[str]) -> list[str]:
        return inputs

    def predict(self, names: list[str]) -> list[Any]:
        return infer(names)

    def unbatch(self, output: list[Any]) -> list[Any]:
        return output

    def encode_response(self, output: list[dict[str, Any]]) -> dict[str, Any]:
        return {"flag": 1, "data": output}


if __name__ == "__main__":
    api = _Api(api_path="/predict/multiple", max_batch_size=MOST, batch_timeout=WAIT_SECONDS)
    litserve.LitServer(api, accelerator="cpu", timeout=120).run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False
    )
