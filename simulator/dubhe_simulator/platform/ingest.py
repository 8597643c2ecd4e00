"""The thread that takes in what sources read, and stores it."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from queue import Empty, Full, Queue

from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.platform.storage.write_batch import WriteBatch
from dubhe_simulator.sources.flush import FlushRequests
from dubhe_simulator.sources.record import RecordBatch

LOG = logging.getLogger("dubhe_simulator")
STORE_EVERY_S = 0.2
RETRY_S = 2.0  # when the disk takes nothing
QUEUED = 8  # batches; then sources wait
SETTLE_S = 1.0
CLOSE_S = 60.0  # a backlog on a slow disk; the database must not be closed under the thread


class Ingest:
    """One owner for the registry's contents and for writing the database.

    Args:
        registry: what is known of all instances.
        database: the database.
    """

    def __init__(self, registry: InstanceRegistry, database: Database) -> None:
        self._registry = registry
        self._database = database
        self._queue: Queue[RecordBatch | None] = Queue(QUEUED)
        self._writes: list[WriteBatch] = []
        self._end = threading.Event()
        self._flush = FlushRequests()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
        self.storage_error: str | None = None
        """Why nothing can be stored, while that is so."""

    def prepare(self) -> None:
        """Derive again what an older version derived. Before `start`."""
        if self._database.fresh:
            for _ in self._registry.replay():
                self._save()
            self._save()
            self._database.mark_derived()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, batch: RecordBatch) -> None:
        """Hand over records; waits while there are too many."""
        self._queue.put(batch)

    def settle(self, timeout: float = SETTLE_S) -> None:
        """Have everything stored that the registry knows, so that queries see it."""
        ticket = self._flush.ask()
        with contextlib.suppress(Full):  # then the thread is awake anyway
            self._queue.put_nowait(None)
        self._flush.wait(ticket, timeout)

    def close(self) -> None:
        """Store everything, then end. Sources have to be closed before."""
        self._end.set()
        self._thread.join(CLOSE_S)
        self._flush.close()

    def _run(self) -> None:
        save_at = 0.0
        while True:
            if self.storage_error is None:
                self._take(max(0.0, save_at - time.monotonic()) or STORE_EVERY_S)
            else:
                self._end.wait(RETRY_S)
            due = self._flush.pending or time.monotonic() >= save_at
            if due or self._end.is_set():
                self._registry.open_for_waiting()
                self._save()
                save_at = time.monotonic() + STORE_EVERY_S
            if self._end.is_set() and (self._queue.empty() or self.storage_error):
                return

    def _take(self, timeout: float) -> None:
        try:
            batch = self._queue.get(timeout=min(timeout, STORE_EVERY_S))
        except Empty:
            return
        if batch is not None:
            self._registry.apply(batch)

    def _save(self) -> None:
        flush = self._flush.pending
        collected = self._registry.collect()
        if collected is not None:
            self._writes.append(collected)
        try:
            while self._writes:
                with self._database.transaction() as connection:
                    self._writes[0].write(connection)
                written = self._writes.pop(0)
                self._registry.confirm(written)
                if written.deleted:
                    self._database.shrink()
        # Of SQLite, or whatever else a row can cause: the thread must go on.
        except Exception as error:
            if not isinstance(error, sqlite3.Error):
                LOG.exception("storing failed")
            self.storage_error = translate("ui_not_stored", path=self._database.path, error=error)
        else:
            self.storage_error = None
        self._flush.done(flush)
