"""`Housekeeping`: a thread that syncs the spool, keeps its disk reserve and publishes the state.

It watches the lifeline too. All this must go on while the drain waits in the sink, which may be for
hours while a broker is unavailable.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from dubhe_sdk.process.readable import wait_readable
from dubhe_sdk.spool import disk_reserve
from dubhe_sidecar.fsync import FsyncWorker
from dubhe_sidecar.sinks.base import OutageReason, Sink
from dubhe_sidecar.status import write_live

INTERVAL_SECONDS = 1.0
_LOG_AGAIN_SECONDS = 60.0

log = logging.getLogger("dubhe_sidecar")


class Housekeeping:
    """The thread. It ends with the process.

    Args:
        directory: the spool's directory.
        sink: whose outage and retries are published.
        lifeline: descriptor whose end means that the container parent has died, or None.
        on_orphaned: called once when it has.
        drain_outage: returns what keeps the drain from going on, other than the sink, or None.
        abandoned: returns as text whose records lie in the spool and are not delivered, or None.
        fatal: returns why the process before this one ended, as long as that may still be so.
    """

    def __init__(
        self,
        directory: Path,
        sink: Sink,
        lifeline: int | None,
        on_orphaned: Callable[[], None],
        drain_outage: Callable[[], OutageReason | None] = lambda: None,
        abandoned: Callable[[], str | None] = lambda: None,
        fatal: Callable[[], OutageReason | None] = lambda: None,
    ) -> None:
        self._directory = directory
        self._sink = sink
        self._lifeline = lifeline
        self._on_orphaned = on_orphaned
        self._drain_outage = drain_outage
        self._abandoned = abandoned
        self._fatal = fatal
        self._mutex = threading.Lock()
        self._paused = True
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._warned = ("", 0.0)
        self._fsync = FsyncWorker(directory)
        self._published: dict[str, object] = {}
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin to look after the spool's files, or go on after `pause`."""
        with self._mutex:
            self._paused = False
            self._published = {}
        os.eventfd_write(self._wake, 1)
        self.watch_lifeline()

    def watch_lifeline(self) -> None:
        """Start the thread. Before `start`, the lifeline is all that it watches."""
        if self._thread.ident is None:
            self._thread.start()

    def pause(self) -> None:
        """Leave the spool's files to another sidecar; only the lifeline is watched."""
        with self._mutex:
            self._paused = True

    def _run(self) -> None:
        while True:
            with self._mutex:
                if not self._paused:
                    self._do_all()
            self._wait()

    def _do_all(self) -> None:
        for task in (self._fsync.sync, self._publish_status, self._fill_disk_reserve):
            try:
                task()
            except OSError as error:
                self._warn(str(error))

    def _warn(self, text: str) -> None:
        """Log what failed; at most once a minute while it lasts."""
        text_before, at = self._warned
        now = time.monotonic()
        if text != text_before or now - at >= _LOG_AGAIN_SECONDS:
            self._warned = (text, now)
            log.warning("housekeeping in the spool %s: %s", self._directory, text)

    def _fill_disk_reserve(self) -> None:
        disk_reserve.fill(self._directory)

    def _wait(self) -> None:
        watched = [self._wake] if self._lifeline is None else [self._wake, self._lifeline]
        ready = wait_readable(watched, INTERVAL_SECONDS)
        if self._wake in ready:
            os.eventfd_read(self._wake)
        if self._lifeline in ready:
            self._lifeline = None
            self._on_orphaned()

    def publish_fatal(self, reason: OutageReason) -> None:
        """Publish why the process ends, as the last thing.

        Raises:
            OSError: it cannot be written.
        """
        if not self._mutex.acquire(timeout=INTERVAL_SECONDS):  # a disk that hangs
            return
        try:
            if not self._paused:
                self._paused = True
                write_live(self._directory, {**self._state(reason), "fatal": True})
        finally:
            self._mutex.release()

    def _publish_status(self) -> None:
        fatal = self._fatal()
        outage = self._drain_outage() or self._sink.outage or fatal
        live = {**self._state(outage), "fatal": outage is not None and outage is fatal}
        if live != self._published:
            write_live(self._directory, live)
            self._published = live

    def _state(self, outage: OutageReason | None) -> dict[str, object]:
        return {
            "pid": os.getpid(),
            "sink": self._sink.name,
            "last_error": outage and outage.text,
            "last_error_code": outage and outage.code,
            "retries": self._sink.retries,
            "abandoned": self._abandoned(),
            "warnings": [[warning.code, warning.text] for warning in self._sink.warnings],
        }
