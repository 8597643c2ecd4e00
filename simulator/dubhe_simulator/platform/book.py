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

from dubhe_sdk.messages import STATUS_FAILED, STATUS_OK, MessageType
from dubhe_simulator.message import HEADER_BATCH, HEADER_SEQ, HEADER_WRITER, Message
from dubhe_simulator.platform.account import Account, Known, Run, Said
from dubhe_simulator.platform.changes import Changes
from dubhe_simulator.platform.curves import Curves
from dubhe_simulator.platform.record import Batch, Broken, Record, number, read, said_at
from dubhe_simulator.platform.results import Results
from dubhe_simulator.platform.seqs import SeqSet
from dubhe_simulator.platform.store import Store
from dubhe_simulator.platform.tame import encode
from dubhe_simulator.platform.unsaved import Unsaved
from dubhe_simulator.platform.wording import in_short

KAFKA_SCOPE = "kafka"
REPLAY_STEP = 20_000  # messages between two pauses
WAIT_FOR_START_S = 5.0  # results lie in another topic and may overtake their START


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
        self.runs: dict[int, Run] = {}
        self.curves = Curves(store.chunks)
        self.total = store.one("SELECT coalesce(max(id), 0) FROM messages")[0]
        self.stored = self.total
        self.total_sends = store.one("SELECT coalesce(max(id), 0) FROM sends")[0]
        self._changes = changes
        self._store = store
        self._unsaved = Unsaved()
        self._dirty: set[str] = set()
        self._dirty_runs: set[int] = set()
        self._seqs: dict[tuple[str, str], SeqSet] = {}
        self._dirty_seqs: set[tuple[str, str]] = set()
        self._results = Results(store)
        self._restore()

    # ------------------------------------------------------------------ what sources say

    def apply(self, batch: Batch) -> None:
        """Take in records of one source. The ingest thread only."""
        with self.changed:
            for record in batch.records:
                self.total += 1
                self._take(record, batch.folder, self.total)
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
                self._inference(id_, instance, at_ms, json.loads(body), _loads(reply), ms)

    def _take(self, record: Record, folder: str | None, id_: int, *, store: bool = True) -> None:
        message, broken = None, None
        try:
            message = read(record)
        except Broken as error:
            broken = str(error)
        name = str(message.instance_id) if message else record.instance
        repeat = message is not None and self._is_repeat(record, name)
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
            self._hear(account, message)
        elif broken is not None:
            said.last = broken
        self._touch(account)

    def _is_repeat(self, record: Record, instance: str) -> bool:
        """Whether it arrived before. A writer's name is unique, but only where it was written."""
        writer, seq = record.headers.get(HEADER_WRITER), record.headers.get(HEADER_SEQ, "")
        if not writer or not seq.isdecimal():
            return False
        place = KAFKA_SCOPE if record.partition is not None else record.source
        key = (f"{place} {instance}", writer)
        self._dirty_seqs.add(key)
        return not self._seqs.setdefault(key, SeqSet()).add(int(seq))

    def _hear(self, account: Account, message: Message) -> None:
        said, at = account.said, said_at(message)
        said.first_ms = min(said.first_ms, at) if said.first_ms else at
        said.last_ms = max(said.last_ms, at)
        said.last = in_short(message)
        if message.mes_type == MessageType.RESULT:
            self._result(account, at, message.data)
        elif message.mes_type == MessageType.PROGRESS:
            self._progress(account, at, message)
        elif message.action == "READY":
            said.ready = True
        elif message.action == "START":
            self._open(account, at)
        else:
            self._end(account, at, message)

    def _open(self, account: Account, at: int) -> Run:
        said = account.said
        if said.open_run is not None:  # its END never came
            self._close(account, self.runs[said.open_run], at, None, "")
        run = self._new_run(account, at)
        said.open_run = run.id
        said.end, said.end_message = None, ""
        for result in self._results.claim(account.id, at):
            self._unsaved.moved.append((run.id, result.id))
            _count(run, result.images, result.labelled)
        return run

    def _new_run(self, account: Account, at: int) -> Run:
        said = account.said
        said.runs += 1
        run = Run(max(self.runs, default=0) + 1, account.id, account.kind_word, said.runs, at)
        self.runs[run.id] = run
        said.last_run = run.id
        self._touch_run(run)
        return run

    def _end(self, account: Account, at: int, message: Message) -> None:
        said, data = account.said, message.data
        said.end = STATUS_OK if data["status"] == STATUS_OK else STATUS_FAILED
        said.end_message = str(data.get("msg", ""))
        if said.open_run is not None:
            run = self.runs[said.open_run]
            self._close(account, run, at, said.end, said.end_message)

    def _close(self, account: Account, run: Run, at: int, status: int | None, text: str) -> None:
        run.ended_ms, run.status, run.message = at, status, text
        account.said.open_run = None
        self._touch_run(run)

    def _progress(self, account: Account, at: int, message: Message) -> None:
        said, data = account.said, message.data
        run = self.runs[said.open_run] if said.open_run is not None else None
        if run is None:
            last = self.runs.get(said.last_run or 0)
            late = last is not None and last.ended_ms is not None and at <= last.ended_ms
            run = last if late and last is not None else self._open(account, at)
        share, epoch = number(data.get("progress")), number(data.get("epoch"))
        if share is not None:
            run.share = min(1.0, max(0.0, share)) if share == share else run.share
            run.progress_ms = max(run.progress_ms, at)
        if epoch is not None and abs(epoch) < 2**53:
            run.epoch = int(epoch)
            run.epochs_done = epoch + _part(message.headers.get(HEADER_BATCH))
        for name, raw in data.items():
            value = number(raw)
            if name not in ("progress", "epoch") and value is not None:
                self.curves.append(run.id, name, run.epochs_done, at, value)
        self._touch_run(run)

    def _result(self, account: Account, at: int, data: Any) -> None:
        run = self._run_at(account, at)
        rows, images, labelled = self._results.add(
            account.id, run.id if run else None, at, data, self._unsaved
        )
        if run is not None:
            _count(run, images, labelled)
            self._touch_run(run)
        else:
            self._results.wait(account.id, at, rows, images, labelled)

    def _run_at(self, account: Account, at: int) -> Run | None:
        """Return the run that was under way when something was said."""
        said = account.said
        number = said.open_run or said.last_run
        while number:
            run = self.runs[number]
            if run.instance == account.id and run.started_ms <= at:
                return run if run.ended_ms is None or at <= run.ended_ms else None
            number -= 1
            while number and self.runs[number].instance != account.id:
                number -= 1
        return None

    def open_for_waiting(self) -> None:
        """Give results whose START does not come a run of their own. The ingest thread only."""
        with self.changed:
            for instance, at in self._results.waited_longer_than(WAIT_FOR_START_S):
                account = self.account(instance)
                before = self.runs.get(account.said.last_run or 0)
                if account.said.open_run is None and not (before and before.ended_ms):
                    self._open(account, at)
                else:
                    self._adopt(account, before)
                self._touch(account)

    def _adopt(self, account: Account, run: Run | None) -> None:
        for result in self._results.claim(account.id, 0) if run else ():
            assert run is not None
            self._unsaved.moved.append((run.id, result.id))
            _count(run, result.images, result.labelled)
            self._touch_run(run)

    # ------------------------------------------------------------------ what the platform does

    def account(self, name: str) -> Account:
        """Return an instance's account; made if it is new. The lock is held."""
        account = self.instances.get(name)
        if account is None:
            account = self.instances[name] = Account(name)
        return account

    def note(self, name: str, change: Callable[[Account], None], *, kept: bool = True) -> None:
        """Note something about an instance: ``change(account)``."""
        with self.changed:
            account = self.account(name)
            change(account)
            if kept:
                self._unsaved.known[name] = asdict(account.known)
            self._touch(account)
            self.changed.notify_all()

    def sent(
        self, instance: str, at_ms: int, body: dict[str, Any], reply: dict[str, Any] | None,
        error: str | None, ms: float,
    ) -> tuple[int, int | None]:  # fmt: skip
        """Note a request and its answer; return its number, and its run if it is an inference."""
        with self.changed:
            self.total_sends += 1
            reply = None if reply is None else json.loads(_dumps(reply))  # as the file can hold it
            row = (
                self.total_sends,
                instance,
                at_ms,
                _dumps(body),
                None if reply is None else _dumps(reply),
                error,
                ms,
            )
            self._unsaved.sends.append(row)
            run = self._inference(self.total_sends, instance, at_ms, body, reply, ms)
            self._unsaved.touched["sends", ""] = None
            self.changed.notify_all()
            return self.total_sends, run

    def run_of_send(self, number: int) -> int | None:
        """Return the run that an inference request is."""
        with self.lock:
            return next((run.id for run in self.runs.values() if run.send == number), None)

    def _inference(
        self, number: int, instance: str, at_ms: int, body: dict[str, Any],
        reply: dict[str, Any] | None, ms: float,
    ) -> int | None:  # fmt: skip
        """An inference's results lie in its reply: it is a run of its own."""
        if body.get("req_type") != 3 or reply is None or instance not in self.instances:
            return None
        account = self.account(instance)
        run = self._new_run(account, at_ms)
        run.ended_ms = at_ms + int(ms)
        run.message = str(reply.get("message", ""))
        run.status = STATUS_OK if reply.get("flag") == 1 else STATUS_FAILED
        if run.status == STATUS_OK:
            run.share = 1.0
            added = self._results.add(instance, run.id, at_ms, reply.get("data"), self._unsaved)
            _count(run, *added[1:])
        run.send = number
        self._touch(account)
        return run.id

    # ------------------------------------------------------------------ for the store

    def collect(self) -> Unsaved | None:
        """Return what has to be stored, if anything; it is the caller's then."""
        with self.lock:
            unsaved, self._unsaved = self._unsaved, Unsaved()
            unsaved.said = {name: asdict(self.instances[name].said) for name in self._dirty}
            for name in self._dirty:
                known = self.instances[name].known
                if known != Known():
                    unsaved.known[name] = asdict(known)
            unsaved.runs = {number: self.runs[number].facts() for number in self._dirty_runs}
            for scope, writer in self._dirty_seqs:
                unsaved.seqs.append((scope, writer, json.dumps(self._seqs[scope, writer].spans)))
            self.curves.collect(unsaved)
            self._dirty, self._dirty_runs, self._dirty_seqs = set(), set(), set()
        return unsaved if unsaved != Unsaved() else None

    def confirm(self, unsaved: Unsaved) -> None:
        """What `collect` returned is stored."""
        with self.lock:
            for confirm in unsaved.confirm:
                confirm()
            if unsaved.messages:
                self.stored = unsaved.messages[-1][0]
        for kind, name in unsaved.touched:
            self._changes.touch(kind, name)

    def _restore(self) -> None:
        store = self._store
        for name, facts in store.facts("known", "instance"):
            self.account(name).known = Known(**facts)
        for name, facts in store.facts("said", "instance"):
            self.account(name).said = Said(**facts)
        self.runs = {number: Run(**facts) for number, facts in store.facts("runs", "id")}
        for scope, writer, spans in store.rows("SELECT scope, writer, spans FROM seqs"):
            self._seqs[scope, writer] = SeqSet(json.loads(spans))
        tail = "SELECT points FROM chunks WHERE curve = ? AND number = ?"
        self.curves.restore(
            store.rows("SELECT id, run, name, points, last FROM curves"),
            lambda curve, chunk: store.one(tail, (curve, chunk))[0],
        )
        self._results.restore()

    def _touch(self, account: Account) -> None:
        self._dirty.add(account.id)
        self._unsaved.touched["instance", account.id] = None

    def _touch_run(self, run: Run) -> None:
        self._dirty_runs.add(run.id)
        self._unsaved.touched["run", str(run.id)] = None


def now_ms() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _count(run: Run, images: int, labelled: bool) -> None:
    run.results += 1
    run.images += images
    run.labelled = run.labelled or labelled


def _part(batch: str | None) -> float:
    """Return how much of an epoch is done, from the header ``index/batches``; 1 without one."""
    index, slash, batches = (batch or "").partition("/")
    if slash and index.isdecimal() and batches.isdecimal() and int(batches) > 0:
        return (int(index) + 1) / int(batches)
    return 1.0


def _dumps(value: Any) -> str:
    return encode(value)


def _loads(text: str | None) -> dict[str, Any] | None:
    return None if text is None else json.loads(text)
