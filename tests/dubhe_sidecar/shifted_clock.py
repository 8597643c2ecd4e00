"""`dubhe sidecar` on a host whose clock jumps: ``python -m tests.dubhe_sidecar.shifted_clock …``.

By how many seconds its clock is ahead stands in the file that the variable ``CLOCK_AHEAD`` names,
and may change at any time. Its times are short, too.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from dubhe_sidecar.commands import run
from dubhe_sidecar.sinks.kafka import sink
from dubhe_sidecar.sinks.kafka.producer import batch
from tests.dubhe_sidecar.sinks.kafka.helpers import FAST

CLOCK_AHEAD = "CLOCK_AHEAD"
COMMAND = (sys.executable, "-m", "tests.dubhe_sidecar.shifted_clock")


def follow(ahead: Path) -> None:
    """Have the clock of records be ahead by the seconds that stand in a file."""
    shifted = SimpleNamespace(time=lambda: time.time() + float(ahead.read_text()), sleep=time.sleep)
    batch.time = shifted  # type: ignore[assignment]


def set_ahead(ahead: Path, seconds: float) -> None:
    """Have the clock jump, in one step for all who read the file."""
    new = ahead.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(ahead)


if __name__ == "__main__":
    follow(Path(os.environ[CLOCK_AHEAD]))
    limits = dataclasses.replace(FAST, dated_again_s=0.5)
    sink.KafkaLimits = lambda: limits  # type: ignore[misc,assignment]
    sys.exit(run.main(sys.argv[1:]))
