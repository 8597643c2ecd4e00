"""What an algorithm really did, written line by line; lies beside ``app.py`` as ``account``.

It shares nothing with the SDK and keeps nothing open: an algorithm may close every descriptor, fork
or be killed at any moment, and what it has written here stays.
"""

import itertools
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

_PATH = str(Path(__file__).resolve().with_name("account.jsonl"))
_numbers = itertools.count(1)


def note(what: str, **more: object) -> None:
    """Write that something has happened: `started`, `saved`, `finished` …"""
    line = {"what": what, "at": time.monotonic_ns(), "pid": os.getpid(), **_thread(), **more}
    fd = os.open(_PATH, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(fd, json.dumps(line).encode() + b"\n")
    finally:
        os.close(fd)


def report(ctx: Any, progress: object = 0.5, result: bool = False) -> None:
    """Report something that can be recognised, and write that it was: before and after the call."""
    data = {"n": next(_numbers), "pid": os.getpid(), **_thread()}
    task = ctx.get("algorithm_id")
    note("report begun", n=data["n"], task=task)
    if result:
        ctx.logResult(data)
    else:
        ctx.logProgressByEpoch(1, progress, data)
    note("report returned", n=data["n"], task=task)


def wait_noted(what: str, count: int = 1) -> None:
    """Wait until something was noted, by whatever process, so many times."""
    while sum(entry["what"] == what for entry in read(Path(_PATH))) < count:
        time.sleep(0.01)


def read(path: Path) -> list[dict[str, Any]]:
    """Return what was noted so far."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def _thread() -> dict[str, int]:
    return {"thread": threading.get_native_id()}
