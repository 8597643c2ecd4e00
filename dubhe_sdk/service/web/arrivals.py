"""`ArrivalOrder`: requests that arrive together are served in the order of their arrival, and
heartbeats before the others.

Problem: the kernel names the sockets that have become readable in the order in which they did.
libev calls back in the reverse order, so of the requests that arrive while the event loop is busy,
the last would be served first. And where 500 clients wait for a quick model, a heartbeat that
comes after 500 requests would wait until all of them have been read: 50 ms.

Mechanism: what an event would wake is put down. When all events of this round have been handled,
the loop runs its callbacks, before it asks the kernel again. There those put down are woken, the
last one first. After two milliseconds the loop asks the kernel for what has come meanwhile, and
goes on with those that are left after that. If many wait, or some are left, each is looked at
(MSG_PEEK) and heartbeats are woken before the others. A few that are served in those two
milliseconds are not looked at: that would take as long as to serve them.

Safety: one that has been woken by something else meanwhile, such as a time limit, is not woken, or
finds nothing to read and waits again: its `Sleeper.wake` sees to that. Each round wakes one that is
no heartbeat at least, so a flood of heartbeats does not keep the others from their turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

from gevent import get_hub

_MANY = 64

_ROUND_SECONDS = 0.002
_PEEK_BYTES = 512


class Sleeper(Protocol):
    """What waits for a socket."""

    def wake(self) -> None:
        """Let it run until it waits again. Called in the event loop."""

    def peek(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes of what has come, which stay there."""


class ArrivalOrder:
    """Wakes sleepers in the order in which their sockets became readable.

    Args:
        is_urgent: whether a request that begins so goes first.
    """

    def __init__(self, is_urgent: Callable[[bytes], bool]) -> None:
        self._loop: Any = get_hub().loop
        self.step = -1 if type(self._loop).__module__.startswith("gevent.libev.") else 1
        """In which order the loop calls back: -1 if the last event comes first."""
        self._is_urgent = is_urgent
        self._readable: list[Sleeper] = []  # of this round of events
        self._urgent: deque[Sleeper] = deque()
        self._others: deque[Sleeper] = deque()
        self._are_looked_at = False  # the others, so that no heartbeat is among them
        self._is_due = False
        # It ends at once, but not before the kernel has been asked.
        self._next_round = self._loop.timer(0)

    def add(self, sleeper: Sleeper) -> None:
        """Wake it after this round of events."""
        self._readable.append(sleeper)
        if not self._is_due:
            self._is_due = True
            self._loop.run_callback(self._wake_all)

    @property
    def has_more(self) -> bool:
        """Whether some are still to be woken."""
        return bool(self._others or self._readable or self._urgent)

    def _wake_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.run_callback(self._wake_all)

    def _wake_all(self) -> None:
        self._is_due = False
        if len(self._readable) == 1 and not self._others:
            self._readable.pop().wake()
            return
        self._sort()
        end = perf_counter() + _ROUND_SECONDS
        while self._urgent:
            self._urgent.popleft().wake()
        while self._others:
            self._others.popleft().wake()
            if self._others and perf_counter() > end:
                self._next_round.start(self._wake_soon)
                return

    def _sort(self) -> None:
        readable, self._readable = self._readable[:: self.step], []
        if not self._others and len(readable) < _MANY:
            self._others.extend(readable)
            self._are_looked_at = False
            return
        if not self._are_looked_at:
            readable = [*self._others, *readable]
            self._others.clear()
            self._are_looked_at = True
        for sleeper in readable:
            urgent = self._is_urgent(sleeper.peek(_PEEK_BYTES))
            (self._urgent if urgent else self._others).append(sleeper)
