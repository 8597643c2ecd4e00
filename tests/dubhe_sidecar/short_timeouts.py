"""`dubhe sidecar` with short times: ``python -m tests.dubhe_sidecar.short_timeouts ARGUMENT…``.

All else is the product's own. The variable ``REAL_TIMES`` in the environment of the tests leaves
the times as they are; by hand, for then an outage is waited out for minutes.
"""

from __future__ import annotations

import os
import sys

from dubhe_sidecar.commands import run
from dubhe_sidecar.sinks.kafka import sink
from tests.dubhe_sdk.spool.helpers import ROOT
from tests.dubhe_sidecar.sinks.kafka.helpers import FAST

REAL_TIMES = "REAL_TIMES"
COMMAND = (sys.executable, "-m", "tests.dubhe_sidecar.short_timeouts")
ENV = {"PYTHONPATH": str(ROOT), **{k: os.environ[k] for k in (REAL_TIMES,) if k in os.environ}}

if __name__ == "__main__":
    if not os.environ.get(REAL_TIMES):
        sink.KafkaLimits = lambda: FAST  # type: ignore[misc,assignment]
    sys.exit(run.main(sys.argv[1:]))
