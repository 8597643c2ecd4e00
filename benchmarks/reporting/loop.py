"""Runs in a contestant's environment: calls it in a loop and tells how long each call took.

``python -m benchmarks.reporting.loop PEER FOLDER``; see `benchmarks.worker` for the lines. A
request has ``seconds`` and ``calls`` (whichever is over first), ``threads`` that call at once, and
``compute``: whether another thread of pure computation wants the interpreter lock meanwhile.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.stats import quantiles


def main() -> None:
    """Read requests until stdin ends."""
    name, folder = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries greet on stdout
    try:
        report = importlib.import_module(f"benchmarks.reporting.peers.{name}").prepare(folder)
        report(0)
    except Exception as error:  # the table tells it; the traceback is for the log
        print(json.dumps({"failed": f"{type(error).__name__}: {error}"}), file=answers, flush=True)
        raise
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_round(report, json.loads(line))), file=answers, flush=True)
    os._exit(0)  # what a library would still upload or wait for at its exit is not measured


def _round(report: Callable[[int], None], request: dict[str, Any]) -> dict[str, Any]:
    stopped = threading.Event()
    compute = threading.Thread(target=_compute, args=(stopped,))
    if request["compute"]:
        compute.start()
    threads = request["threads"]
    each = max(1, request["calls"] // threads)
    times: list[list[int]] = [[] for _ in range(threads)]
    cpu, start = time.process_time_ns(), time.perf_counter_ns()
    if threads == 1:
        _calls(report, request["seconds"], each, times[0])
    else:
        callers = [
            threading.Thread(target=_calls, args=(report, request["seconds"], each, kept))
            for kept in times
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    elapsed, cpu = time.perf_counter_ns() - start, time.process_time_ns() - cpu
    stopped.set()
    if request["compute"]:
        compute.join()
    every = [value for kept in times for value in kept]
    return {
        "ns": quantiles(every),
        "calls": len(every),
        "elapsed_ns": elapsed,
        "cpu_ns": cpu,
    }


def _calls(report: Callable[[int], None], seconds: float, count: int, times: list[int]) -> None:
    now = time.perf_counter_ns
    end = now() + int(seconds * 1e9)
    for step in range(count):
        start = now()
        report(step)
        stop = now()
        times.append(stop - start)
        if stop > end:
            return


def _compute(stopped: threading.Event) -> None:
    """Compute in pure Python: gives the lock away only when the interpreter makes it."""
    while not stopped.is_set():
        for _ in range(10_000):
            pass


if __name__ == "__main__":
    main()
