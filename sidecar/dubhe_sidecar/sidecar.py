"""`Sidecar`: the process's life. Take the spool's lock, then drain until told to stop.

One sidecar per spool: the lock decides. A second one, of another container on the same volume,
stands by and takes over when the first is gone; meanwhile the first delivers its streams too.

Crash-only: whatever the sink cannot explain ends the process with status 1. `dubhe launch` starts
it again with backoff, and it resumes from the cursor.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dubhe_sdk.spool.segment import remove_abandoned, remove_blank
from dubhe_sdk.spool.wake import WakeReceiver
from dubhe_sidecar.disk_retry import Patience
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.housekeeping import Housekeeping
from dubhe_sidecar.sinks.base import Sink, SinkError
from dubhe_sidecar.status import LOCK_NAME, inspect

# What comes by and by is delivered together: each round costs this process and the broker about a
# millisecond of processor time, which a training on the same machine lacks. A writer that has said
# nothing for as long nudges, as do all that say anything but progress, so nothing that stands alone
# waits. Without a record the spool is looked at ever less often: a nudge may be lost.
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 1.0
_STANDBY_SECONDS = 0.2
_LINGER_SECONDS = 1.0

EXIT_DRAINED = 0
EXIT_FAILED = 1
EXIT_LEFT_BEHIND = 75  # EX_TEMPFAIL of sysexits.h

T = TypeVar("T")

log = logging.getLogger("dubhe_sidecar")


class Sidecar:
    """Delivers a spool to a sink.

    Args:
        directory: the spool's directory, which exists.
        sink: the destination.
        lifeline: see `Housekeeping`.
        orphan_seconds: how long the drain may take when the container parent has died.
        draining: whether to end as soon as everything is delivered.
    """

    def __init__(
        self,
        directory: Path,
        sink: Sink,
        *,
        lifeline: int | None = None,
        orphan_seconds: float = 30.0,
        draining: bool = False,
    ) -> None:
        self._directory = directory
        self._sink = sink
        self._orphan_seconds = orphan_seconds
        self._draining = draining
        self._stop_reader, self._stop_writer = os.pipe()
        os.set_blocking(self._stop_writer, False)
        self._lock = -1
        self._drain: Drain | None = None
        self._housekeeping = Housekeeping(
            *(directory, sink, lifeline, self._on_orphaned),
            trouble=lambda: self._drain.trouble if self._drain else None,
        )

    def run(self) -> int:
        """Run until told to stop and everything is delivered. Returns the exit status.

        SIGTERM and SIGINT ask for the drain; the second one ends it at once.
        """
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        try:
            if not self._take_lock():
                return EXIT_DRAINED
            remove_abandoned(self._directory)
            for name in remove_blank(self._directory):
                log.error("segment %s held nothing but zeros, as after a power cut: deleted", name)
            wake = self._patiently(lambda: WakeReceiver(self._directory))
            self._housekeeping.start()
            drain = self._drain = Drain(self._directory, self._sink, _LINGER_SECONDS)
            drain.open()
            self._loop(drain, wake)
            drain.close()
        except (SinkError, OSError) as error:
            log.error("%s", error)
            return EXIT_FAILED
        return EXIT_DRAINED

    def _loop(self, drain: Drain, wake: WakeReceiver) -> None:
        wait = _FIRST_WAIT_SECONDS
        while True:
            if not self._holds_the_spool():
                # What there is under its name now is another's to deliver as well.
                raise SinkError(
                    f"the spool {self._directory} was removed or exchanged while it was being "
                    "delivered; starting anew"
                )
            wake.clear()
            stopping = self._draining  # asked before the look, so that nothing is missed
            if stopping:
                drain.linger_seconds = 0.0
            if drain.step():
                wait = _FIRST_WAIT_SECONDS
                continue
            if stopping:
                return
            due = drain.wants_save_in
            timeout = wait if due is None else min(wait, due)
            ready, _, _ = select.select([wake.fileno(), self._stop_reader], [], [], timeout)
            if not ready:
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _take_lock(self) -> bool:
        """Wait for the spool's lock. Return False if told to stop while another one delivers."""
        told = False
        while True:
            if not self._holds_the_spool():
                self._patiently(self._open_lock)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._holds_the_spool():
                    return True
            except BlockingIOError:
                if not told:
                    log.warning(
                        "another sidecar delivers the spool %s; standing by", self._directory
                    )
                    told = True
                if self._draining and inspect(self._directory).undelivered == 0:
                    return False
                # The kernel tells nobody that a lock is free without taking a thread for it.
                select.select([], [], [], _STANDBY_SECONDS)

    def _patiently(self, make: Callable[[], T]) -> T:
        """Return what needs an inode; on a full disk, when there is one."""
        made: list[T] = []
        patience = Patience(
            f"lock or socket in the spool {self._directory}",
            "nothing is delivered",
            self._directory,
        )
        patience.insist(lambda: made.append(make()))
        return made[0]

    def _open_lock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        path = self._directory / LOCK_NAME
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _holds_the_spool(self) -> bool:
        """Return whether the file that is locked is still the one under the lock's name.

        The spool may be removed and made again, or exchanged, and the new one has a lock of its
        own.
        """
        if self._lock < 0:
            return False
        try:
            theirs = (self._directory / LOCK_NAME).stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(self._lock), theirs)

    def _on_signal(self, signum: int, _frame: object) -> None:
        if self._draining:
            os._exit(EXIT_LEFT_BEHIND)
        self._ask_for_drain()

    def _ask_for_drain(self) -> None:
        self._draining = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._stop_writer, b"\x01")

    def _on_orphaned(self) -> None:
        log.warning("the container parent has died: delivering what there is, then ending")
        self._ask_for_drain()
        timer = threading.Timer(self._orphan_seconds, os._exit, [EXIT_LEFT_BEHIND])
        timer.daemon = True
        timer.start()
