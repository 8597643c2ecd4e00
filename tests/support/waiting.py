"""Waits for conditions, not for times."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.01


def wait_for(
    condition: Callable[[], T],
    what: str | Callable[[], str] = "",
    timeout: float = TIMEOUT_SECONDS,
) -> T:
    """Return the condition's first true value; fail with `what` if there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout:g} s for {what() if callable(what) else what}")
        time.sleep(_POLL_SECONDS)
