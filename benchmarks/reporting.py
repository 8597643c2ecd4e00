"""What one metric call costs the training loop: `python -m benchmarks.reporting`.

The whole call as an algorithm makes it in platform mode, two metrics, against a bare ``os.write``
of as many bytes to an append-only file; both are timed in turn within one loop. A sidecar with
the embedded journal drains the spool meanwhile, as in a container.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter_ns

from benchmarks.report import percentile, table

CALLS = 200_000
METRICS = {"loss": 0.123456, "accuracy": 0.987}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            PLATFORM_TYPE="1",
            PORT="8030",
            BOOTSTRAP_SERVERS="127.0.0.1:9092",
            TOPIC_MODEL_STATUS="alg_model_progress",
            TOPIC_MODEL_RESULT="als_model_result",
            INSTANCE_ID="bench-reporting-train-1",
            DUBHE_TEMPORARY=folder,
        )
        import dubhe_sdk

        context = dubhe_sdk.Context({})
        context.logProgressByBatch(0, 0, CALLS, 0.0, METRICS)
        # The first call's frame, with its segment's header in front, tells the size.
        segment = next(Path(folder, "spool").glob("*.seg"))
        before = segment.stat().st_size
        context.logProgressByBatch(0, 1, CALLS, 0.5, METRICS)
        size = segment.stat().st_size - before
        environment = {k: v for k, v in os.environ.items() if k != "BOOTSTRAP_SERVERS"}
        sidecar = subprocess.Popen(
            [sys.executable, "-m", "dubhe_sdk.bin.dubhe", "sidecar"], env=environment
        )
        bare, ours = [], []
        fd = os.open(Path(folder, "bare"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        data = b"x" * size
        try:
            for index in range(CALLS):
                start = perf_counter_ns()
                os.write(fd, data)
                middle = perf_counter_ns()
                context.logProgressByBatch(1, index, CALLS, 0.5, METRICS)
                end = perf_counter_ns()
                bare.append(middle - start)
                ours.append(end - middle)
        finally:
            sidecar.terminate()
            sidecar.wait()
            os.close(fd)
    try:
        import orjson

        encoder = f"orjson {orjson.__version__}"
    except ImportError:
        encoder = "standard library's json"
    table(
        f"ctx.logProgressByBatch, {CALLS} calls, {size} bytes a frame, {encoder}",
        [
            ("bare os.write, median", f"{percentile(bare, 0.5) / 1e3:.2f} µs"),
            ("bare os.write, p99", f"{percentile(bare, 0.99) / 1e3:.2f} µs"),
            ("metric call, median", f"{percentile(ours, 0.5) / 1e3:.2f} µs"),
            ("metric call, p99", f"{percentile(ours, 0.99) / 1e3:.2f} µs"),
            ("ratio of medians", f"{percentile(ours, 0.5) / percentile(bare, 0.5):.2f}"),
        ],
    )


if __name__ == "__main__":
    main()
