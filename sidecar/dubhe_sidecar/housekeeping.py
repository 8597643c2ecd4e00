"""A thread beside the drain: syncs the spool, keeps its ballast, tells the state.

It watches the lifeline too. The drain may wait in the sink for hours while a broker is away; all
this must go on.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

from dubhe_sdk.spool import disk_reserve
from dubhe_sidecar.fsync import Syncer
from dubhe_sidecar.sinks.base import Sink
from dubhe_sidecar.status import write_live

INTERVAL_SECONDS = 1.0
_SAY_AGAIN_SECONDS = 60.0

log = logging.getLogger("dubhe_sidecar")


class Housekeeping:
    """The thread. It ends with the process.

    Args:
        directory: the spool's directory.
        sink: whose state is told.
        lifeline: descriptor whose end means that the container parent has died, or None.
        on_orphaned: called once when it has.
        trouble: tells what keeps the drain from going on, other than the sink; None: nothing.
    """

    def __init__(
        self,
        directory: Path,
        sink: Sink,
        lifeline: int | None,
        on_orphaned: Callable[[], None],
        trouble: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._directory = directory
        self._sink = sink
        self._lifeline = lifeline
        self._on_orphaned = on_orphaned
        self._trouble = trouble
        self._warned = ("", 0.0)
        self._syncer = Syncer(directory)
        self._told: dict[str, object] = {}
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        while True:
            for task in (self._syncer.sync, self._tell, self._keep_ballast):
                try:
                    task()
                except OSError as error:
                    self._warn(str(error))
            self._wait()

    def _warn(self, text: str) -> None:
        """Log what failed; not every second for as long as it lasts."""
        said, at = self._warned
        now = time.monotonic()
        if text != said or now - at >= _SAY_AGAIN_SECONDS:
            self._warned = (text, now)
            log.warning("housekeeping in the spool %s: %s", self._directory, text)

    def _keep_ballast(self) -> None:
        disk_reserve.fill(self._directory)

    def _wait(self) -> None:
        if self._lifeline is None:
            time.sleep(INTERVAL_SECONDS)
        elif select.select([self._lifeline], [], [], INTERVAL_SECONDS)[0]:
            self._lifeline = None
            self._on_orphaned()

    def _tell(self) -> None:
        told: dict[str, object] = {
            "pid": os.getpid(),
            "sink": self._sink.name,
            "last_error": self._trouble() or self._sink.last_error,
            "retries": self._sink.retries,
        }
        if told != self._told:
            write_live(self._directory, told)
            self._told = told
