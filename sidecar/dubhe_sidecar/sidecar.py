"""`Sidecar`: takes the spool's lock, then drains the spool until it is stopped.

One sidecar per spool: the lock decides. A second one, of another container on the same volume,
stands by and takes over when the first has ended; until then the first delivers its streams too, if
both deliver to the same place. If they do not (see `dubhe_sdk.spool.destination`), they take turns:

Problem
    The spool has one cursor and one lock, and one destination may be unavailable for hours. Neither
    may the records of the other wait for that, nor may two processes write the cursor.

Mechanism
    A sidecar that stands by says in its state file where it delivers to. The one that has the
    spool looks once a second whether something in it is for one that stands by. If so it hands the
    spool over: at once when it is idle, otherwise after a turn of `_TURN_SECONDS`, also while it
    waits for its destination (`Sink.on_wait`). It then stands by itself.

Safety
    A turn ends like the process would: settled and saved, or, while the destination is unavailable,
    abandoned as by a kill. The next turn begins at the cursor like the next process.

Crash-only: whatever the sink cannot explain ends the process with status 1. `dubhe launch` starts
it again with backoff, and it resumes from the cursor.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dubhe_sdk.process.readable import wait_readable
from dubhe_sdk.process.state_file import StateFile
from dubhe_sdk.spool.destination import SIDECAR_ROLE
from dubhe_sdk.spool.segment import remove_abandoned, remove_blank
from dubhe_sdk.spool.wake import WakeReceiver
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar import dead_letters
from dubhe_sidecar.disk_retry import DiskRetry
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.housekeeping import Housekeeping
from dubhe_sidecar.ownership import Ownership, announce
from dubhe_sidecar.sinks.base import OutageCode, OutageReason, Sink, SinkError
from dubhe_sidecar.status import LOCK_NAME, read_fatal

# Progress is delivered in groups: each round costs this process and the broker about a millisecond
# of processor time, which a training on the same machine lacks. A writer that has been silent for
# as long wakes the sidecar, as does everything but progress, so a single message does not wait.
# Without records the spool is polled less and less often; never stopping, since a wake-up may be
# lost.
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 1.0
_STANDBY_SECONDS = 0.2
_LINGER_SECONDS = 1.0
# How often a sidecar looks for records that are for others, how long its turn lasts at least if it
# is busy, and how long it leaves the spool to the others afterwards.
_LOOK_SECONDS = 1.0
_TURN_SECONDS = 2.0
_LEAVE_SECONDS = 3 * _STANDBY_SECONDS

EXIT_DRAINED = 0
EXIT_FAILED = 1
EXIT_OTHERS_LEFT = 3  # all of its own is delivered; 2 is a wrong environment
EXIT_LEFT_BEHIND = 75  # EX_TEMPFAIL of sysexits.h

T = TypeVar("T")

log = logging.getLogger("dubhe_sidecar")


class SpoolWanted(Exception):
    """Another sidecar is to have the spool now."""


class Sidecar:
    """Delivers a spool to a sink.

    Args:
        directory: the spool's directory, which exists.
        sink: the destination.
        lifeline: see `Housekeeping`.
        orphan_seconds: how long the drain may take after the container parent has died.
        draining: whether to end as soon as everything is delivered.
        launch: the run of ``dubhe launch`` that it belongs to; empty: none.
        everything: deliver all streams, also those meant for another destination.
        dead_letters_max_bytes: bytes that the dead letters may take.
    """

    def __init__(
        self,
        directory: Path,
        sink: Sink,
        *,
        lifeline: int | None = None,
        orphan_seconds: float = 30.0,
        draining: bool = False,
        launch: str = "",
        everything: bool = False,
        dead_letters_max_bytes: int = dead_letters.MAX_BYTES,
    ) -> None:
        self._directory = directory
        self._sink = sink
        self._orphan_seconds = orphan_seconds
        self._draining = draining
        self._stop_reader, self._stop_writer = os.pipe()
        os.set_blocking(self._stop_writer, False)
        self._lock = -1
        self._drain: Drain | None = None
        self._launch = launch
        self._everything = everything
        self._dead_letters_max_bytes = dead_letters_max_bytes
        self._fatal = read_fatal(directory)
        self._state_file = StateFile(directory, SIDECAR_ROLE)
        self._announced: tuple[object, ...] = ()
        self._logged: set[str] = set()
        self._abandoned: str | None = None
        self._looked_at = self._turn_began = self._not_before = float("-inf")
        sink.on_wait = self._end_turn_if_wanted
        self._housekeeping = Housekeeping(
            *(directory, sink, lifeline, self._on_orphaned),
            drain_outage=self._drain_outage,
            fatal=lambda: self._fatal,
            abandoned=lambda: self._abandoned,
        )

    def run(self) -> int:
        """Run until stopped and everything is delivered. Returns the exit status.

        SIGTERM and SIGINT request the drain; a second one ends the process at once.
        """
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        self._housekeeping.watch_lifeline()
        try:
            while self._take_lock():
                if self._take_turn():
                    break
                self._leave_lock()
            self._look(self._ownership())
        except (SinkError, OSError) as error:
            log.error("%s", error)
            self._publish_fatal(error)
            return EXIT_FAILED
        finally:
            self._state_file.close()
        return EXIT_OTHERS_LEFT if self._abandoned else EXIT_DRAINED

    def _take_turn(self) -> bool:
        """Deliver. Return True at the end, False if another sidecar is to have the spool now."""
        self._turn_began = time.monotonic()
        remove_abandoned(self._directory)
        for name in remove_blank(self._directory):
            log.error("segment %s held only zeros, as after a power cut: deleted", name)
        wake = self._retry(lambda: WakeReceiver(self._directory))
        self._housekeeping.start()
        drain = self._drain = Drain(
            *(self._directory, self._sink, _LINGER_SECONDS),
            launch=self._launch,
            everything=self._everything,
            dead_letters_max_bytes=self._dead_letters_max_bytes,
        )
        try:
            drain.open()
            self._announce(waiting=False)  # the cluster's id is known now
            complete = self._loop(drain, wake)
            drain.settle()
            drain.close()
        except SpoolWanted:
            drain.abandon()
            complete = False
        finally:
            wake.close()
            self._drain = None
        return complete

    def _loop(self, drain: Drain, wake: WakeReceiver) -> bool:
        """Deliver until all is delivered and a stop was requested (True), or the turn ends."""
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
            busy = drain.step()
            if self._fatal is not None and (drain.has_delivered or not busy):
                self._fatal = None  # whatever ended the former process does not stop this one
            if stopping and not busy and not drain.holds_back:
                return True
            if self._is_wanted(busy=busy):
                return False
            if busy:
                wait = _FIRST_WAIT_SECONDS
                continue
            due = drain.wants_save_in
            timeout = wait if due is None else min(wait, due)
            watched = [wake.fileno()] if stopping else [wake.fileno(), self._stop_reader]
            if not wait_readable(watched, timeout):
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _drain_outage(self) -> OutageReason | None:
        drain = self._drain  # the housekeeping thread asks, and a turn may end meanwhile
        return drain.outage if drain is not None else None

    def _publish_fatal(self, error: Exception) -> None:
        """Leave behind why this process ends, for those who look while it is started again."""
        code = error.code if isinstance(error, SinkError) else OutageCode.OTHER
        text = f"{error} (the sidecar ended at {time.strftime('%Y-%m-%d %H:%M:%S')} because of it)"
        with contextlib.suppress(OSError):  # it is in the log, too
            self._housekeeping.publish_fatal(OutageReason(code, text))

    def _end_turn_if_wanted(self) -> None:
        """While the sink waits for its destination: see whether the turn is over.

        Raises:
            SpoolWanted: it is.
        """
        if self._is_wanted(busy=True):
            raise SpoolWanted

    def _is_wanted(self, *, busy: bool) -> bool:
        """Return whether to hand the spool over now."""
        now = time.monotonic()
        if self._drain is None or now - self._looked_at < _LOOK_SECONDS:
            return False
        self._looked_at = now
        wanted = self._look(self._drain.ownership)
        return wanted and not (busy and now - self._turn_began < _TURN_SECONDS)

    def _look(self, ownership: Ownership) -> bool:
        """Look for records of others. Return whether somebody waits for them."""
        others = ownership.pending(mine=False)
        self._abandoned = ownership.describe_abandoned(others) if others else None
        if self._abandoned:
            self._log_once(self._abandoned)
        return bool(others) and ownership.someone_waits_for(others)

    def _ownership(self) -> Ownership:
        """Return what decides, as the cursor is now."""
        return Ownership(
            *(self._directory, cursors.load(self._directory), lambda: self._sink.destination),
            self._launch,
            everything=self._everything,
        )

    def _take_lock(self) -> bool:
        """Wait for the spool's lock. Return False if stopped, and nothing is left for this one."""
        while True:
            if not self._holds_the_spool():
                self._retry(self._open_lock)
                self._announced = ()  # the state file went with the spool
            if time.monotonic() >= self._not_before:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if self._holds_the_spool():
                        self._announce(waiting=False)
                        return True
                    continue
                self._log_once(f"another sidecar delivers the spool {self._directory}; standing by")
            self._announce(waiting=True)
            if self._draining and not self._ownership().pending(mine=True):
                return False
            # Waiting for a lock without polling would take a thread.
            time.sleep(_STANDBY_SECONDS)

    def _leave_lock(self) -> None:
        """Let another sidecar have the spool, and stand by."""
        self._housekeeping.pause()
        self._announce(waiting=True)
        self._not_before = time.monotonic() + _LEAVE_SECONDS
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _announce(self, *, waiting: bool) -> None:
        destination = self._sink.destination
        facts = (destination, waiting)
        if facts == self._announced:
            return
        try:
            announce(
                *(self._state_file, destination, self._launch),
                waiting=waiting,
                everything=self._everything,
            )
            self._announced = facts
        except OSError as error:  # for example a full disk; tried again while it stands by
            self._log_once(f"the sidecar's state cannot be written to the spool: {error}")

    def _log_once(self, text: str) -> None:
        if text not in self._logged:
            self._logged.add(text)
            log.warning("%s", text)

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
