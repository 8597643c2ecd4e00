"""System metrics: what an instance takes of its machine, for the local platform's page.

A thread of the sidecar samples the process tree and the accelerators (`sampler`) and appends to a
bounded file (`sample_file`). Nothing of it goes into the spool or to Kafka. Off by default, and
then nothing of it is imported.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from dubhe_sdk import environment

VARIABLE = "DUBHE_SYSTEM_METRICS_SECONDS"


def read_interval(env: Mapping[str, str]) -> float:
    """Return the seconds between two samples; 0: none are taken.

    Raises:
        EnvironmentInvalid: it is not 0 and not a number of seconds from 1 to 3600.
    """
    seconds = environment.seconds(env, VARIABLE, 0.0, high=3600.0)
    return environment.seconds(env, VARIABLE, 0.0, low=1.0, high=3600.0) if seconds else 0.0


def start(interval: float, folder: Path, root: int) -> None:
    """Sample in a thread that ends with the process.

    Args:
        interval: seconds between two samples; 0: do nothing.
        folder: where ``samples.jsonl`` is made.
        root: PID of the process above all of the instance's.
    """
    if not interval:
        return

    def run() -> None:
        # Here, so that the imports do not delay the delivery.
        from dubhe_sidecar.system.sample_file import SampleFile
        from dubhe_sidecar.system.sampler import Sampler

        Sampler(interval, SampleFile(folder / "samples.jsonl"), root).run()

    threading.Thread(target=run, name="system", daemon=True).start()
