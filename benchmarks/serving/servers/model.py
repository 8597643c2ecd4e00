"""The model that all serve. The request's first image name says what it does."""

from __future__ import annotations

import ctypes
import time
from typing import Any

NOOP = "noop"
BUSY = "busy"
HOLD = "hold"
SLEEP = "sleep"
BUSY_SECONDS = 0.005
HOLD_SECONDS = 2

RESULT: list[dict[str, Any]] = [{"img_path": "a.jpg", "info": []}]
_libc = ctypes.PyDLL(None)  # calls through it keep the interpreter lock


def infer(image_names: list[str]) -> list[dict[str, Any]]:
    """Do nothing, compute or sleep for 5 ms, or hold the interpreter lock for 2 s."""
    what = image_names[0]
    if what == BUSY:
        end = time.thread_time_ns() + int(BUSY_SECONDS * 1e9)
        while time.thread_time_ns() < end:
            pass
    elif what == SLEEP:
        time.sleep(BUSY_SECONDS)
    elif what == HOLD:
        _libc.sleep(HOLD_SECONDS)
    return RESULT
