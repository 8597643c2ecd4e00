"""`ArrivalOrder`: requests that arrive together are served in the order of their arrival.

Problem: the kernel names the sockets that have become readable in the order in which they did.
libev calls back in the reverse order. So of the requests that arrive while the event loop is busy,
the last would be served first.

Mechanism: what an event would wake is put down. When all events of this round have been handled,
the loop runs its callbacks, before it asks the kernel again. There those put down are woken, the
last one first.

Safety: one that has been woken by something else meanwhile, such as a time limit, is not woken, or
finds nothing to read and waits again: its `Sleeper.wake` sees to that.
"""

from __future__ import annotations

from typing import Any, Protocol

from gevent import get_hub


class Sleeper(Protocol):
    """What waits for a socket."""

    def wake(self) -> None:
        """Let it run until it waits again. Called in the event loop."""


class ArrivalOrder:
    """Wakes sleepers in the order in which their sockets became readable."""

    def __init__(self) -> None:
        self._loop: Any = get_hub().loop
        self._step = -1 if type(self._loop).__module__.startswith("gevent.libev.") else 1
        self._readable: list[Sleeper] = []

    def add(self, sleeper: Sleeper) -> None:
        """Wake it after this round of events."""
        if not self._readable:
            self._loop.run_callback(self._wake_all)
        self._readable.append(sleeper)

    def _wake_all(self) -> None:
        readable, self._readable = self._readable, []
        for sleeper in readable[:: self._step]:
            sleeper.wake()
