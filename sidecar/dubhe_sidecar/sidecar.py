"""`Sidecar`: takes the spool's lock, then drains the spool until it is stopped.

One sidecar per spool: the lock decides. A second one, of another container on the same volume,
stands by and takes over when the first has ended; until then the first delivers its streams too.

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
from dubhe_sidecar.disk_retry import DiskRetry
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.housekeeping import Housekeeping
from dubhe_sidecar.sinks.base import Sink, SinkError
from dubhe_sidecar.status import LOCK_NAME, inspect

# Progress is delivered in groups: each round costs this process and the broker about a millisecond
# of processor time, which a training on the same machine lacks. A writer that has been silent for
# as long wakes the sidecar, as does everything but progress, so a single message does not wait.
# Without records the spool is polled less and less often; never stopping, since a wake-up may be
# lost.
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
        orphan_seconds: how long the drain may take after the container parent has died.
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
            drain_outage=lambda: self._drain.outage if self._drain else None,
        )

    def run(self) -> int:
        """Run until stopped and everything is delivered. Returns the exit status.

        SIGTERM and SIGINT request the drain; a second one ends the process at once.
        """
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        try:
            if not self._take_lock():
                return EXIT_DRAINED
            remove_abandoned(self._directory)
            for name in remove_blank(self._directory):
                log.error("segment %s held only zeros, as after a power cut: deleted", name)
            wake = self._retry(lambda: WakeReceiver(self._directory))
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
                # The spool that has its name now is delivered by another sidecar, too.
                raise SinkError(
                    f"the spool {self._directory} was removed or replaced while it was being "
                    "delivered; the next start takes the new one"
                )
            wake.clear()
            stopping = self._draining  # read before the round, so that nothing is missed
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
        """Wait for the spool's lock. Return False if stopped while another sidecar delivers."""
        logged = False
        while True:
            if not self._holds_the_spool():
                self._retry(self._open_lock)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._holds_the_spool():
                    return True
            except BlockingIOError:
                if not logged:
                    log.warning(
                        "another sidecar delivers the spool %s; standing by", self._directory
                    )
                    logged = True
                if self._draining and inspect(self._directory).undelivered == 0:
                    return False
                # Waiting for a lock without polling would take a thread.
                select.select([], [], [], _STANDBY_SECONDS)

    def _retry(self, make: Callable[[], T]) -> T:
        """Make a file or socket; on a full disk, as soon as that is possible."""
        made: list[T] = []
        retry = DiskRetry(
            f"lock or socket in the spool {self._directory}",
            "nothing is delivered",
            self._directory,
        )
        retry.run(lambda: made.append(make()))
        return made[0]

    def _open_lock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        path = self._directory / LOCK_NAME
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _holds_the_spool(self) -> bool:
        """Return whether the locked file still has the lock's name.

        The spool may be removed and created again, or replaced, and the new one has another lock.
        """
        if self._lock < 0:
            return False
        try:
            current = (self._directory / LOCK_NAME).stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(self._lock), current)

    def _on_signal(self, signum: int, _frame: object) -> None:
        if self._draining:
            os._exit(EXIT_LEFT_BEHIND)
        self._request_drain()

    def _request_drain(self) -> None:
        self._draining = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._stop_writer, b"\x01")

    def _on_orphaned(self) -> None:
        log.warning("the container parent has died: delivering what is left, then exiting")
        self._request_drain()
        timer = threading.Timer(self._orphan_seconds, os._exit, [EXIT_LEFT_BEHIND])
        timer.daemon = True
        timer.start()
