"""What the platform knows: instances, runs, curves, and what has to be stored.

The ingest thread applies records; other threads note what the platform did. All of it happens
under one lock, in short steps. What is shown is made on demand by `views`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from dubhe_simulator.contract.json_safe import encode
from dubhe_simulator.platform.curves.store import CurveStore
from dubhe_simulator.platform.state.annotations import Annotations
from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.deduplication import Deduplicator
from dubhe_simulator.platform.state.message_handler import MessageHandler
from dubhe_simulator.platform.state.message_stats import MessageStats
from dubhe_simulator.platform.state.records import InstanceRecord, ManagedState, ReportedState, Run
from dubhe_simulator.platform.state.requests import Requests
from dubhe_simulator.platform.state.results import ResultBuffer
from dubhe_simulator.platform.state.runs import Runs
from dubhe_simulator.platform.storage.curve_queries import CurveQueries
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.platform.storage.write_batch import WriteBatch
from dubhe_simulator.sources.record import InvalidRecord, RecordBatch, SourceRecord, read

LOG = logging.getLogger("dubhe_simulator")
MANAGED_FIELDS = frozenset(each.name for each in fields(ManagedState))
REPLAY_STEP = 20_000  # messages between two pauses

_NOTHING = WriteBatch()


class InstanceRegistry:
    """Reads what the database holds, then keeps it up to date.

    Args:
        database: the database.
        changes: whom to tell what changed.
        session_id: identifies this session of the platform.
    """

    def __init__(self, database: Database, change_feed: ChangeFeed, session_id: str) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.session_id = session_id
        self.instances: dict[str, InstanceRecord] = {}
        self.runs = Runs(database.facts("runs", "id"))
        self.curves = CurveStore(database, CurveQueries(database))
        self.annotations = Annotations(
            (instance, number, json.loads(facts))
            for instance, number, facts in database.rows("SELECT * FROM annotations")
        )
        self.requests = Requests(database)
        self.total_sends = database.one("SELECT coalesce(max(id), 0) FROM sends")[0]
        self._last_message = database.one("SELECT coalesce(max(id), 0) FROM messages")[0]
        self.stored = database.one("SELECT count(*) FROM messages")[0]
        self._change_feed = change_feed
        self._database = database
        self._deduplicator = Deduplicator(
            database.rows("SELECT instance, place, writer, spans FROM intervals")
        )
        self._results = ResultBuffer(database)
        self._message_handler = MessageHandler(self.runs, self.curves, self._results)
        self._writes = WriteBatch()
        self._dirty: dict[str, None] = {}
        self._restore()

    def _restore(self) -> None:
        database = self._database
        for name, facts in database.facts("managed", "instance"):
            # An earlier build kept more.
            known = {key: value for key, value in facts.items() if key in MANAGED_FIELDS}
            self.record(name).managed = ManagedState(**known)
        for name, facts in database.facts("reported", "instance"):
            self.record(name).reported = ReportedState(**facts)

    # ------------------------------------------------------------------ what sources say

    def apply(self, batch: RecordBatch) -> None:
        """Take in records of one source. The ingest thread only."""
        with self.changed:
            for incoming in batch.records:
                self._last_message += 1
                self._take(incoming, batch.folder, self._last_message)
            self._writes.positions[batch.source] = batch.position
            if batch.records:
                self._writes.subjects["messages", ""] = None
            self.changed.notify_all()

    def replay(self) -> Iterator[None]:
        """Derive everything again from the stored messages and requests.

        Yields now and then, so that the caller can store what has been derived.
        """
        columns = "source, topic, partition, offset, timestamp_ms, headers, value, hint"
        sql = f"SELECT id, unreadable, malformed, {columns} FROM messages ORDER BY id"
        for id_, unreadable, malformed, *rest in self._database.stream(sql):
            source, topic, partition, offset, timestamp, headers, value, hint = rest
            incoming = SourceRecord(
                source, topic, partition, offset, timestamp, json.loads(headers), value, hint,
                malformed if unreadable else None,
            )  # fmt: skip
            with self.lock:
                self._take(incoming, None, id_, database=False)
            if id_ % REPLAY_STEP == 0:
                yield
        for row in self._database.stream("SELECT id, instance, at_ms, body, reply, ms FROM sends"):
            id_, instance, at_ms, body, reply, ms = row
            with self.lock:
                answer = None if reply is None else json.loads(reply)
                self._answer(instance, id_, at_ms, json.loads(body), answer, ms)
        yield
        with self.lock:
            for run in self.runs:
                if self.annotations.of(run).deleted:
                    self._drop(run)

    def _take(
        self, incoming: SourceRecord, folder: str | None, id_: int, *, database: bool = True
    ) -> None:
        message, malformed = None, None
        try:
            message = read(incoming)
        except InvalidRecord as error:
            malformed = str(error)
        name = str(message.instance_id) if message else incoming.instance
        repeat = None
        if message is not None:
            try:
                repeat = self._deduplicator.is_duplicate(incoming, name)
                if not repeat:
                    self._message_handler.handle(self.record(name), message)
            # Whatever it holds: it is kept as one that is not understood, and the next one comes.
            except Exception as error:
                LOG.exception("message %s of %s failed", id_, name)
                malformed = f"{type(error).__name__}: {error}"
        if database:
            self._writes.messages.append((
                id_, incoming.source, incoming.topic, incoming.partition, incoming.offset,
                incoming.timestamp_ms, json.dumps(dict(incoming.headers)), incoming.value,
                malformed, bool(repeat), name, incoming.instance, incoming.malformed is not None,
            ))  # fmt: skip
        if not name:
            return
        record = self.record(name)
        if folder is not None and record.managed.folder is None:
            record.managed.folder = folder
        reported = record.reported
        reported.messages += 1
        reported.malformed += malformed is not None
        reported.duplicates += bool(repeat)
        reported.unnumbered += repeat is None
        word = message.word if message is not None else "other"
        reported.by_type[word] = reported.by_type.get(word, 0) + 1
        if malformed is not None:
            reported.last = malformed
        self._dirty[name] = None

    def message_stats(self, name: str, spooled: int | None) -> MessageStats:
        """Return the counts of an instance's messages.

        Args:
            name: the instance's.
            spooled: how many its own spool says it reported; None if it has no spool.
        """
        with self.lock:
            reported = self.record(name).reported
            numbered, gaps = self._deduplicator.numbered(name)
            total = numbered + reported.unnumbered if spooled is None else spooled
            by_type = dict(reported.by_type)
            return MessageStats(by_type, gaps, reported.duplicates, reported.unnumbered, total)

    def open_for_waiting(self) -> None:
        """Give results whose START does not come a run of their own. The ingest thread only."""
        with self.changed:
            for record in self._message_handler.open_for_waiting(self.record):
                self._dirty[record.id] = None

    # ------------------------------------------------------------------ what the platform does

    def record(self, name: str) -> InstanceRecord:
        """Return an instance's record; created if it is new. The lock is held."""
        record = self.instances.get(name)
        if record is None:
            record = self.instances[name] = InstanceRecord(name)
        return record

    def enter(self, name: str, change: Callable[[InstanceRecord], None]) -> None:
        """Note something about an instance that may be new: ``change(record)``."""
        with self.changed:
            self.record(name)
            self.note(name, change)

    def note(self, name: str, change: Callable[[InstanceRecord], None]) -> None:
        """Note something about an instance, unless it was forgotten: ``change(record)``."""
        with self.changed:
            record = self.instances.get(name)
            if record is None:
                return
            change(record)
            self._dirty[name] = None
            self.changed.notify_all()

    def forget(self, name: str) -> None:
        """Forget an instance, and delete what is stored of it.

        How far sources were read, and which records of it arrived, stays known: its messages
        do not come back.
        """
        with self.changed:
            if self.instances.pop(name, None) is None:
                return
            self._dirty.pop(name, None)
            runs = self.runs.forget(name)
            for run in runs:
                self.curves.forget(run)
            self._results.forget(name)
            self.annotations.forget(name)
            self.requests.forget(name)
            self._writes.forget(name, runs)
            self.changed.notify_all()

    def annotate(self, numbers: Sequence[int], changes: Mapping[str, Any]) -> None:
        """Note something on runs.

        Args:
            numbers: the runs'; those that are gone are passed over.
            changes: as `annotations.checked` returns them.
        """
        with self.changed:
            for number in numbers:
                if (run := self.runs.get(number)) is not None:
                    self.annotations.change(run, **changes)
                    self.runs.mark_changed(run)

    def delete_run(self, number: int) -> None:
        """Delete curves and results of a run that has ended.

        Its messages and its request are kept with those of its instance, but make no run again.
        """
        with self.changed:
            if (run := self.runs.get(number)) is not None:
                self.annotations.change(run, deleted=True)
                self._drop(run)
                self._dirty[run.instance] = None

    def _drop(self, run: Run) -> None:
        record = self.instances.get(run.instance)
        if record is not None and record.reported.open_run == run.id:
            record.reported.open_run = None  # its END never came
        self.runs.remove(run)
        self.curves.forget(run.id)
        self._results.forget_run(run.id)
        self._writes.forgotten_runs.append(run.id)
        self._writes.subjects["run", str(run.id)] = None

    def note_provenance(self, name: str, facts: dict[str, Any]) -> None:
        """Note with what an instance runs."""
        with self.lock:
            if name in self.instances:
                self._writes.provenance[name] = facts

    def sent(
        self, instance: str, at_ms: int, body: dict[str, Any], reply: dict[str, Any] | None,
        error: str | None, ms: float,
    ) -> tuple[int, int | None]:  # fmt: skip
        """Note a request and its answer; return its number, and its run if it is an inference."""
        with self.changed:
            self.total_sends += 1
            number, text = self.total_sends, None if reply is None else encode(reply)
            self._writes.sends.append((number, instance, at_ms, encode(body), text, error, ms))
            self._writes.subjects["sends", ""] = None
            held = None if text is None else json.loads(text)  # as the file can hold it
            self.requests.add(number, instance, at_ms, body, held)
            if (begun := self.runs.get(self.record(instance).reported.open_run)) is not None:
                self.runs.mark_changed(begun)  # its parameters are known now
            run = self._answer(instance, number, at_ms, body, held, ms)
            self.changed.notify_all()
            return number, run

    def _answer(
        self, instance: str, number: int, at_ms: int, body: dict[str, Any],
        reply: dict[str, Any] | None, ms: float,
    ) -> int | None:  # fmt: skip
        record = self.instances.get(instance)
        if record is None:
            return None
        run = self._message_handler.answer(record, number, at_ms, body, reply, ms)
        self._dirty[instance] = None
        return run.id if run is not None else None

    # ------------------------------------------------------------------ for the database

    def collect(self) -> WriteBatch | None:
        """Return what has to be stored, if anything; it is the caller's then."""
        with self.lock:
            writes, self._writes = self._writes, WriteBatch()
            for name in self._dirty:
                record = self.instances[name]
                writes.reported[name] = asdict(record.reported)
                if record.managed != ManagedState():
                    writes.managed[name] = asdict(record.managed)
                writes.subjects["instance", name] = None
            self._dirty = {}
            parts = self.runs, self.annotations, self.curves, self._results, self._deduplicator
            for part in parts:
                part.collect(writes)
        return writes if writes != _NOTHING else None

    def confirm(self, writes: WriteBatch) -> None:
        """What `collect` returned is stored."""
        with self.lock:
            for confirm in writes.confirm:
                confirm()
            self.stored += len(writes.messages) - writes.deleted
        for kind, name in writes.subjects:
            self._change_feed.publish(kind, name)


def now_ms() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000
