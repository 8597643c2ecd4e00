"""MLServer with adaptive batching, one worker process; started by its own command, see `main`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.serving.servers.batched_model import MOST, WAIT_SECONDS, infer


class Runtime(MLModel):  # type: ignore[misc]
    """Serves the model by the V2 inference protocol."""

    async def load(self) -> bool:
        """Nothing to load."""
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer what has come: the inputs of several requests, one behind the other."""
        results = infer(StringCodec.decode_input(payload.inputs[0]))
        output = StringCodec.encode_output("data", [json.dumps(result) for result in results])
        return InferenceResponse(model_name=self.name, outputs=[output])


def main() -> None:
    """Write its two settings files and become `mlserver start`."""
    folder = Path(tempfile.mkdtemp(dir=os.environ["BENCH_FOLDER"]))
    port = int(sys.argv[1])
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": int(sys.argv[2])}
    settings |= {"metrics_endpoint": None, "parallel_workers": 1, "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    implementation = "benchmarks.serving.servers.batched_mlserver.Runtime"
    named = {
        "name": "bench",
        "implementation": implementation,
        "max_batch_size": MOST,
        "max_batch_time": WAIT_SECONDS,
    }
    (folder / "model-settings.json").write_text(json.dumps(named))
    mlserver = Path(sys.executable).with_name("mlserver")
    os.execv(mlserver, [str(mlserver), "start", str(folder)])


if __name__ == "__main__":
    main()
