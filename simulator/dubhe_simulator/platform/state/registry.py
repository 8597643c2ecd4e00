"""The platform's account of everything: instances, runs, curves, and what has to be stored.

The ingest thread applies records; other threads note what the platform did. All of it happens
under one lock, in short steps. What is shown is made on demand by `views`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from dubhe_simulator.contract.json_safe import encode
from dubhe_simulator.platform.curves.store import Curves
from dubhe_simulator.platform.ingest.deduplication import Repeats
from dubhe_simulator.platform.ingest.message_handler import Hearing
from dubhe_simulator.platform.state.change_feed import Changes
from dubhe_simulator.platform.state.records import Account, Known, Said
from dubhe_simulator.platform.state.results import Results
from dubhe_simulator.platform.state.runs import Runs
from dubhe_simulator.platform.storage.database import Store
from dubhe_simulator.platform.storage.write_batch import Unsaved
from dubhe_simulator.sources.record import Batch, Broken, Record, read

REPLAY_STEP = 20_000  # messages between two pauses


class Book:
    """Reads what the store holds, then keeps account.

    Args:
        store: the store.
        changes: whom to tell what changed.
        life: a name for this life of the platform.
    """

    def __init__(self, store: Store, changes: Changes, life: str) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.life = life
        self.instances: dict[str, Account] = {}
        self.runs = Runs(store.facts("runs", "id"))
        self.curves = Curves(store.chunks)
        self.total_sends = store.one("SELECT coalesce(max(id), 0) FROM sends")[0]
        self._last_message = store.one("SELECT coalesce(max(id), 0) FROM messages")[0]
        self.stored = store.one("SELECT count(*) FROM messages")[0]
        self._changes = changes
        self._store = store
        self._repeats = Repeats(store.rows("SELECT scope, writer, spans FROM seqs"))
        self._results = Results(store)
        self._hearing = Hearing(self.runs, self.curves, self._results)
        self._unsaved = Unsaved()
        self._dirty: dict[str, None] = {}
        self._restore()

    def _restore(self) -> None:
        store = self._store
        for name, facts in store.facts("known", "instance"):
            self.account(name).known = Known(**facts)
        for name, facts in store.facts("said", "instance"):
            self.account(name).said = Said(**facts)
        tail = "SELECT points FROM chunks WHERE curve = ? AND number = ?"
        self.curves.restore(
            store.rows("SELECT id, run, name, points, last FROM curves"),
            lambda curve, chunk: store.one(tail, (curve, chunk))[0],
        )

    # ------------------------------------------------------------------ what sources say

    def apply(self, batch: Batch) -> None:
        """Take in records of one source. The ingest thread only."""
        with self.changed:
            for record in batch.records:
                self._last_message += 1
                self._take(record, batch.folder, self._last_message)
            self._unsaved.positions[batch.source] = batch.position
            if batch.records:
                self._unsaved.touched["messages", ""] = None
            self.changed.notify_all()

    def replay(self) -> Iterator[None]:
        """Derive everything again from the stored messages and requests.

        Yields now and then, so that the caller can store what has been derived.
        """
        columns = "source, topic, partition, offset, timestamp_ms, headers, value, hint"
        sql = f"SELECT id, unreadable, broken, {columns} FROM messages ORDER BY id"
        for id_, unreadable, broken, *rest in self._store.stream(sql):
            source, topic, partition, offset, timestamp, headers, value, hint = rest
            record = Record(
                source, topic, partition, offset, timestamp, json.loads(headers), value, hint,
                broken if unreadable else None,
            )  # fmt: skip
            with self.lock:
                self._take(record, None, id_, store=False)
            if id_ % REPLAY_STEP == 0:
                yield
        for row in self._store.stream("SELECT id, instance, at_ms, body, reply, ms FROM sends"):
            id_, instance, at_ms, body, reply, ms = row
            with self.lock:
                answer = None if reply is None else json.loads(reply)
                self._answer(instance, id_, at_ms, json.loads(body), answer, ms)

    def _take(self, record: Record, folder: str | None, id_: int, *, store: bool = True) -> None:
        message, broken = None, None
        try:
            message = read(record)
        except Broken as error:
            broken = str(error)
        name = str(message.instance_id) if message else record.instance
        repeat = message is not None and self._repeats.is_repeat(record, name)
        if store:
            self._unsaved.messages.append((
                id_, record.source, record.topic, record.partition, record.offset,
                record.timestamp_ms, json.dumps(dict(record.headers)), record.value, broken,
                repeat, name, record.instance, record.broken is not None,
            ))  # fmt: skip
        if not name:
            return
        account = self.account(name)
        if folder is not None and account.known.folder is None:
            account.known.folder = folder
        said = account.said
        said.messages += 1
        said.broken += broken is not None
        said.repeats += repeat
        if message is not None and not repeat:
            self._hearing.hear(account, message)
        elif broken is not None:
            said.last = broken
        self._dirty[name] = None

    def open_for_waiting(self) -> None:
        """Give results whose START does not come a run of their own. The ingest thread only."""
        with self.changed:
            for account in self._hearing.open_for_waiting(self.account):
                self._dirty[account.id] = None

    # ------------------------------------------------------------------ what the platform does

    def account(self, name: str) -> Account:
        """Return an instance's account; made if it is new. The lock is held."""
        account = self.instances.get(name)
        if account is None:
            account = self.instances[name] = Account(name)
        return account

    def enter(self, name: str, change: Callable[[Account], None]) -> None:
        """Note something about an instance that may be new: ``change(account)``."""
        with self.changed:
            self.account(name)
            self.note(name, change)

    def note(self, name: str, change: Callable[[Account], None]) -> None:
        """Note something about an instance, unless it was forgotten: ``change(account)``."""
        with self.changed:
            account = self.instances.get(name)
            if account is None:
                return
            change(account)
            self._dirty[name] = None
            self.changed.notify_all()

    def forget(self, name: str) -> None:
        """Forget an instance, and delete what is stored of it.

        How far sources were read, and which records of it arrived, stays known: what it said
        does not come back.
        """
        with self.changed:
            if self.instances.pop(name, None) is None:
                return
            self._dirty.pop(name, None)
            runs = self.runs.forget(name)
            for run in runs:
                self.curves.forget(run)
            self._results.forget(name)
            self._unsaved.forget(name, runs)
            self.changed.notify_all()

    def sent(
        self, instance: str, at_ms: int, body: dict[str, Any], reply: dict[str, Any] | None,
        error: str | None, ms: float,
    ) -> tuple[int, int | None]:  # fmt: skip
        """Note a request and its answer; return its number, and its run if it is an inference."""
        with self.changed:
            self.total_sends += 1
            number, text = self.total_sends, None if reply is None else encode(reply)
            self._unsaved.sends.append((number, instance, at_ms, encode(body), text, error, ms))
            self._unsaved.touched["sends", ""] = None
            held = None if text is None else json.loads(text)  # as the file can hold it
            run = self._answer(instance, number, at_ms, body, held, ms)
            self.changed.notify_all()
            return number, run

    def _answer(
        self, instance: str, number: int, at_ms: int, body: dict[str, Any],
        reply: dict[str, Any] | None, ms: float,
    ) -> int | None:  # fmt: skip
        account = self.instances.get(instance)
        if account is None:
            return None
        run = self._hearing.answer(account, number, at_ms, body, reply, ms)
        self._dirty[instance] = None
        return run.id if run is not None else None

    # ------------------------------------------------------------------ for the store

    def collect(self) -> Unsaved | None:
        """Return what has to be stored, if anything; it is the caller's then."""
        with self.lock:
            unsaved, self._unsaved = self._unsaved, Unsaved()
            for name in self._dirty:
                account = self.instances[name]
                unsaved.said[name] = asdict(account.said)
                if account.known != Known():
                    unsaved.known[name] = asdict(account.known)
                unsaved.touched["instance", name] = None
            self._dirty = {}
            for part in (self.runs, self.curves, self._results, self._repeats):
                part.collect(unsaved)
        return unsaved if unsaved != Unsaved() else None

    def confirm(self, unsaved: Unsaved) -> None:
        """What `collect` returned is stored."""
        with self.lock:
            for confirm in unsaved.confirm:
                confirm()
            self.stored += len(unsaved.messages) - unsaved.deleted
        for kind, name in unsaved.touched:
            self._changes.touch(kind, name)


def now_ms() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000
