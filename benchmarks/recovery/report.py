"""What a part of a process costs, printed as JSON for the section."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def report() -> Iterator[None]:
    """Measure a block: seconds, processor time, and by how much the peak memory grew."""
    peak, cpu, start = _peak_mib(), time.process_time(), time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    cpu = time.process_time() - cpu
    grown = _peak_mib() - peak
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "grown_mib": grown}), flush=True)


def _peak_mib() -> float:
    """Return the largest resident set since the program began.

    Not ``getrusage``: its account begins with that of the process which has started this one.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) / 1024
