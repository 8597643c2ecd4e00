"""What a source of messages offers, and what it needs."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from dubhe_simulator.sources.flush import FlushRequests
from dubhe_simulator.sources.record import RecordBatch

Put = Callable[[RecordBatch], None]
RETRY_S = 1.0
LOG = logging.getLogger("dubhe_simulator")


class Source(ABC):
    """Reads records on a thread of its own and hands them over in batches.

    Args:
        name: what it reads.
        put: takes the records.
        close_timeout: seconds that the thread may take to end.
    """

    def __init__(self, name: str, put: Put, close_timeout: float) -> None:
        self.name = name
        self._put = put
        self._problem: str | None = None
        self._close_timeout = close_timeout
        self._flush = FlushRequests()
        self._end = threading.Event()
        self._wake = threading.Event()  # there is something to do at once
        self._thread = threading.Thread(target=self._keep_running, name="source", daemon=True)

    @property
    def error(self) -> str | None:
        """Why nothing can be read, while that is so; in the language of who asks."""
        return self._problem

    @property
    def outage_s(self) -> float:
        """For how many seconds nothing could be read."""
        return 0.0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait_until_connected(self, timeout: float) -> bool:
        """Return whether it is known in time from where on it reads."""
        return True

    def follow(self, folder: Path) -> None:  # noqa: B027
        """Follow an instance's folder too, if it is one of journals."""

    def catch_up(self, timeout: float) -> bool:
        """Hand over everything that can be read now; return whether that was done in time."""
        ticket = self._flush.ask()
        self._wake.set()
        return self._flush.wait(ticket, timeout)

    def close(self) -> None:
        """Hand over what is there, then end."""
        self._end.set()
        self._wake.set()
        self._thread.join(self._close_timeout)
        self._flush.close()

    def _keep_running(self) -> None:
        """Read; after a failure that nobody foresaw, report it and read on."""
        while True:
            try:
                self._run()
            # Whatever a record or a folder can hold: without this thread nothing arrives any more.
            except Exception as error:
                LOG.exception("reading messages failed")
                self._problem = f"{type(error).__name__}: {error}"
                if self._end.wait(RETRY_S):
                    return
            else:
                return

    @abstractmethod
    def _run(self) -> None:
        """Read until `_end` is set. Runs on the thread."""
