"""Import, start, and heartbeats under a held interpreter lock: `python -m benchmarks.startup`."""

from __future__ import annotations

import json
import socket
import statistics
import struct
import subprocess
import sys
import time
from typing import Any

from benchmarks.report import percentile, table
from benchmarks.service import free_port, running_app

IMPORTS = 15
STARTS = 7
HELD_SECONDS = 10

APP = f"""
import ctypes
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        ctypes.PyDLL(None).sleep({HELD_SECONDS})  # a C call that keeps the interpreter lock
"""


def main() -> None:
    imports()
    for protocol in ("tcp", "http"):
        ready(protocol)
    heartbeat()


def imports() -> None:
    def median_ms(code: str) -> float:
        times = []
        for _ in range(IMPORTS):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append((time.perf_counter() - start) * 1e3)
        return statistics.median(times)

    bare, ours = median_ms("pass"), median_ms("import dubhe_sdk")
    table(
        f"import dubhe_sdk, median of {IMPORTS}",
        [
            ("bare interpreter", f"{bare:.0f} ms"),
            ("with the import", f"{ours:.0f} ms"),
            ("beyond it", f"{ours - bare:.0f} ms"),
        ],
    )


def ready(protocol: str) -> None:
    """From the start of `python3 -u app.py` to READY in the journal."""
    times = []
    for _ in range(STARTS):
        start = time.perf_counter()
        with running_app(APP, protocol, free_port(), DUBHE_STOP_SECONDS="0"):
            times.append(time.perf_counter() - start)
    table(
        f"start to READY, no-op model, {protocol}, {STARTS} starts",
        [("median", f"{statistics.median(times):.2f} s"), ("worst", f"{max(times):.2f} s")],
    )


def heartbeat() -> None:
    port = free_port()
    with (
        running_app(APP, "tcp", port, DUBHE_STOP_SECONDS="0"),
        socket.create_connection(("127.0.0.1", port)) as sock,
    ):
        assert ask(sock, {"req_type": 1, "instance_id": "x", "data_paths": []})["flag"] == 1
        end = time.monotonic() + HELD_SECONDS - 1
        times = []
        while time.monotonic() < end:
            start = time.perf_counter()
            assert ask(sock, {"req_type": 0, "instance_id": "x"})["flag"] == 1
            times.append((time.perf_counter() - start) * 1e3)
            time.sleep(0.01)
    table(
        f"heartbeat while the algorithm holds the interpreter lock, {len(times)} heartbeats",
        [
            ("median", f"{percentile(times, 0.5):.2f} ms"),
            ("p99", f"{percentile(times, 0.99):.2f} ms"),
        ],
    )


def ask(sock: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(request).encode()
    sock.sendall(struct.pack(">I", len(body)) + body)
    (length,) = struct.unpack(">I", sock.recv(4, socket.MSG_WAITALL))
    reply: dict[str, Any] = json.loads(sock.recv(length, socket.MSG_WAITALL))
    return reply


if __name__ == "__main__":
    main()
