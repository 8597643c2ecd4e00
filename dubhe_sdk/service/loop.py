"""`Loop`: waits for descriptors, times and signals, and calls what was asked for. One thread."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable
from typing import Protocol

Call = Callable[[], None]


class _Watchable(Protocol):
    def fileno(self) -> int: ...


HasFileno = _Watchable | int


class Loop:
    """A small event loop of the standard library's parts."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Call]] = []
        self._numbers = itertools.count()
        self._signals: list[int] = []
        self._on_signal: Callable[[int], None] = lambda signum: None

    def watch(self, source: HasFileno, call: Call) -> None:
        """Call each time the descriptor is readable."""
        self._selector.register(source, selectors.EVENT_READ, call)

    def forget(self, source: HasFileno) -> None:
        """Watch it no more; nothing happens if it is not watched."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(source)

    def after(self, seconds: float, call: Call) -> None:
        """Call once, in so many seconds."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), call))

    def catch(self, signals: Iterable[signal.Signals], call: Callable[[int], None]) -> None:
        """Call with the signal's number, from the loop and not from the handler."""
        self._on_signal = call
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._wakeup = (ours, theirs)  # kept open

        def clear() -> None:
            with contextlib.suppress(BlockingIOError):
                ours.recv(4096)

        for signum in signals:
            signal.signal(signum, lambda number, _: self._signals.append(number))
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self.watch(ours, clear)

    def turn(self) -> None:
        """Wait for one event at least, and handle all that came.

        Signals come first but for SIGCHLD, which comes last: a stop precedes what a child has sent
        because of it, and a child's death follows what it had sent before.
        """
        timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        events = self._selector.select(timeout)
        for signum in [one for one in self._signals if one != signal.SIGCHLD]:
            self._signals.remove(signum)
            self._on_signal(signum)
        for key, _ in events:
            key.data()
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()
        while self._signals:
            self._on_signal(self._signals.pop(0))
