"""Tells open pages what changed, coalesced: only the latest state of an object matters.

Every change gives its object the next number. A page asks for everything that changed after the
number it has seen; so nothing is queued for anyone, and a slow page costs no memory.
"""

from __future__ import annotations

import threading
import time

Subject = tuple[str, str]  # what kind of thing, and which one


class ChangeFeed:
    """The numbers of the latest change of each object.

    Numbers begin with the time, so that those of a former session of the platform are recognised
    as unknown. They stay below 2^53, which JavaScript can hold.
    """

    def __init__(self) -> None:
        self._first = self._now = time.time_ns() // 1_000_000
        self._of: dict[Subject, int] = {}
        self._condition = threading.Condition()
        self._closed = False
        self._listeners = 0
        self._asked = -60.0

    @property
    def cursor(self) -> int:
        """The number of the latest change."""
        return self._now

    @property
    def closed(self) -> bool:
        """Whether the platform is ending."""
        return self._closed

    @property
    def watched(self) -> bool:
        """Whether a page is open, or was a few seconds ago."""
        return self._listeners > 0 or time.monotonic() - self._asked < 10

    def publish(self, kind: str, name: object = "") -> None:
        """Something changed."""
        with self._condition:
            self._now += 1
            self._of[kind, str(name)] = self._now
            self._condition.notify_all()

    def is_known_cursor(self, cursor: int) -> bool:
        """Whether the number is from this session of the platform."""
        return self._first <= cursor <= self._now

    def since(self, cursor: int, timeout: float) -> tuple[int, list[Subject]]:
        """Wait for a change after ``cursor``; return the new cursor and what changed in order."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._now > cursor, timeout)
            found = sorted((n, subject) for subject, n in self._of.items() if n > cursor)
            return self._now, [subject for _, subject in found]

    def pause(self, seconds: float) -> None:
        """Let changes gather, unless the platform ends."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed, seconds)

    def listen(self, step: int) -> int:
        """A page comes (+1) or goes (-1); return how many there are."""
        with self._condition:
            self._listeners += step
            return self._listeners

    def asked(self) -> None:
        """A page, or somebody else, asked for the state."""
        self._asked = time.monotonic()

    def close(self) -> None:
        """Wake everybody: the platform ends."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
