"""Waiting for a thread that works in passes to complete one that began after the request."""

from __future__ import annotations

import threading


class FlushRequests:
    """Connects those who wait with the thread that works."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._asked = 0  # number of the latest request, and of the latest that is done
        self._done = 0
        self._closed = False

    @property
    def pending(self) -> int:
        """The number of the latest request if it is not done, else 0. For the thread."""
        return self._asked if self._asked > self._done else 0

    def done(self, number: int) -> None:
        """A pass that began after this request is complete. For the thread."""
        with self._condition:
            self._done = max(self._done, number)
            self._condition.notify_all()

    def ask(self) -> int:
        """Ask for a pass; return the request's number."""
        with self._condition:
            self._asked += 1
            return self._asked

    def wait(self, number: int, timeout: float) -> bool:
        """Wait for a request; return whether it was done in time."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._done >= number, timeout)
            return self._done >= number

    def close(self) -> None:
        """Wake everybody: the thread has ended."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
