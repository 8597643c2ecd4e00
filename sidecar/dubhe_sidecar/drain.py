"""`Drain`: spool → sink, the sidecar's one loop.

Read what may be given out, hand it to the sink, learn outcomes, move the cursor, delete what
lies behind it. State has one owner each: positions the cursor, what is on its way the ledger.

Order of steps at a stream's end, so that a crash between any two repeats at worst a deletion:
the cursor says *finished*, durably; the files are deleted; the cursor forgets the stream.

After a crash the sink knows what had arrived beyond the cursor. Until the drain has come past all
of that, the cursor keeps the sink's old state: with a newer one, a second crash would find what
lies between the two neither behind the position nor beyond the state, and repeat it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from dubhe_sdk.spool import segment
from dubhe_sdk.spool.frame import OVERHEAD, Kind
from dubhe_sdk.spool.merge import SpooledFrame, SpoolReader
from dubhe_sdk.spool.reader import StreamReader
from dubhe_sdk.spool.segment import Description
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar.convert import missing_end, to_record
from dubhe_sidecar.cursor import StreamCursor
from dubhe_sidecar.deadletters import DeadLetters
from dubhe_sidecar.ledger import Ledger
from dubhe_sidecar.patience import Patience
from dubhe_sidecar.record import Position, Record
from dubhe_sidecar.sinks.base import Outcome, Sink

_SAVE_SECONDS = 0.2
# While records are on their way, outcomes are waited for so long before new frames are looked for.
_OUTCOME_SECONDS = 0.004
# Where a stream stands of which nothing has been delivered.
_BEGIN = Position(1, 0)
_READY = int(Kind.READY)
_START = int(Kind.START)
_END = int(Kind.END)
_BY_THE_SERVICE = frozenset((_READY, _START, _END))

T = TypeVar("T")

log = logging.getLogger("dubhe_sidecar")


class Drain:
    """Delivers one spool to one sink.

    Args:
        directory: the spool's directory; the caller holds its lock.
        sink: the destination.
        linger_seconds: how long a stream stays after its end. The service parent writes its log
            lines from it, and a process that says one message may live for less than the time
            between two looks.

    Raises:
        SinkError: the cursor cannot be read.
    """

    def __init__(self, directory: Path, sink: Sink, linger_seconds: float = 0.0) -> None:
        self._directory = directory
        self._sink = sink
        self.linger_seconds = linger_seconds
        self.cursor = cursors.load(directory)
        if self.cursor.sink_name.split()[:1] != sink.name.split()[:1]:
            # Positions hold whatever the destination; what another kind of sink remembers does not.
            self.cursor.sink = None
        self.cursor.sink_name = sink.name
        self._dead_letters = DeadLetters(directory)
        self._cursor_patience = Patience(
            f"the cursor in {directory}", "nothing is deleted from the spool", directory
        )
        self._letters_patience = Patience(
            f"the dead letter for {self._dead_letters.path}", "delivery waits", directory
        )
        self._ledger = Ledger()
        self._dirty = False
        self._saved_at = 0.0
        self._ends_added: set[str] = set()
        # Streams of which START was handed over and END was not.
        self._open_tasks = {name for name, s in self.cursor.streams.items() if s.task_open}
        self._ended_at: dict[str, float] = {}
        # Per stream, the last number that had arrived before and has not come up again.
        self._to_pass: dict[str, int] = {}
        self._delete_behind_cursor()
        present = segment.list_segments(directory)
        # Their files are gone, with power or by hand, and their tasks still need an END.
        self._lost = [
            name
            for name, entry in self.cursor.streams.items()
            if name not in present and entry.description is not None
        ]
        self._reader = SpoolReader(
            directory,
            {name: (s.segment, s.offset) for name, s in self.cursor.streams.items()},
            log.error,
            ignore=self._is_finished,  # its files may outlive it for as long as the disk is full
            last_seqs={name: s.seq for name, s in self.cursor.streams.items()},
        )

    def open(self) -> None:
        """Connect the sink; waits as long as it takes.

        Raises:
            SinkError: the sink cannot go on.
        """
        self._sink.open(
            self.cursor.sink, undelivered=self._has_undelivered(), save=self._insist_on_saving
        )
        present = segment.list_segments(self._directory)
        for name, seqs in self._sink.delivered.items():
            entry = self.cursor.streams.get(name)
            last = max(seqs, default=0)
            awaited = name in present or (entry is not None and entry.task_open)
            if awaited and last > (entry.seq if entry else 0):
                self._to_pass[name] = last

    def step(self) -> bool:
        """Do one round. Return whether there was anything to do.

        Raises:
            SinkError: the sink cannot go on; start anew from the cursor.
        """
        frames = self._reader.read()
        for spooled in frames:
            if self._open_tasks and spooled.frame.kind in _BY_THE_SERVICE:
                self._end_former_tasks(spooled)
            self._send(to_record(spooled))
        self._collect(0.0 if frames else _OUTCOME_SECONDS)
        self._finish_streams()
        if self._dirty and (time.monotonic() - self._saved_at >= _SAVE_SECONDS):
            self.save()
        return bool(frames or self._ledger)

    @property
    def wants_save_in(self) -> float | None:
        """Seconds until a save is due, or None."""
        if not self._dirty:
            return None
        due = max(self._saved_at + _SAVE_SECONDS, self._cursor_patience.again_at)
        return max(0.0, due - time.monotonic())

    @property
    def trouble(self) -> str | None:
        """What of its own the disk does not let it write, in words. For any thread."""
        return self._letters_patience.trouble or self._cursor_patience.trouble

    def save(self) -> None:
        """Write the cursor, then delete what lies behind it.

        If the disk does not take it, nothing is deleted and it is tried again later. Delivery
        goes on: what a crash would find beyond the cursor is recognised as delivered.
        """
        if self._cursor_patience.attempt(self._save):
            self._delete_behind_cursor()

    def close(self) -> None:
        """Save, waiting for a disk that takes it, and close everything."""
        if self._dirty:
            self._cursor_patience.insist(self._save)
            self._delete_behind_cursor()
        self._reader.close()
        self._sink.close()

    # --- records ------------------------------------------------------------------------------

    def _send(self, record: Record) -> None:
        if record.kind == _START:
            self._open_tasks.add(record.stream)
        elif record.kind == _END:
            self._open_tasks.discard(record.stream)
        arrived = record.seq in self._sink.delivered.get(record.stream, ())
        self._ledger.enter(record, arrived=arrived)
        if not arrived:
            # Results go to another topic than START and END. A consumer of both must find what
            # was said within a task between the two, so nothing overtakes them.
            if record.kind == _END:
                self._await_outcomes()
            self._sink.send(record)
            if record.kind == _START:
                self._await_outcomes()
            if len(self._ledger) % 1024 == 0:
                self._collect(0.0)

    def _await_outcomes(self) -> None:
        """Wait until nothing is on its way."""
        while self._sink.in_flight:
            self._collect(_OUTCOME_SECONDS)

    def _collect(self, timeout: float) -> None:
        if self._sink.in_flight:
            outcomes = list(self._sink.collect(timeout))
            for outcome in self._ledger.settle(outcomes):
                self._advance(outcome)
        else:
            for outcome in self._ledger.arrived():
                self._advance(outcome)

    def _advance(self, outcome: Outcome) -> None:
        record, rejected = outcome
        if rejected is not None:
            log.error(
                "record %d of %s is refused for ever by %s: %s; it is kept in %s",
                *(record.seq, record.stream, self._sink.name, rejected, self._dead_letters.path),
            )
            now_ms = time.time_ns() // 1_000_000
            self._letters_patience.insist(lambda: self._dead_letters.add(record, rejected, now_ms))
        totals = self.cursor.totals
        totals.delivered += rejected is None
        totals.rejected += rejected is not None
        totals.delivered_bytes += len(record.value) if rejected is None else 0
        entry = self.cursor.streams.get(record.stream)
        if entry is None:
            entry = self.cursor.streams[record.stream] = StreamCursor(*_BEGIN)
        begin = record.end.offset - OVERHEAD - len(record.value)
        if record.end != (entry.segment, entry.offset):  # all but an END that was added
            if record.end.segment != entry.segment:
                self._count_dropped(record.stream, entry.segment, record.end.segment)
            if (record.end.segment, begin) != (entry.segment, entry.offset):
                self._count_skipped(record.stream, entry, Position(record.end.segment, begin))
            entry.segment, entry.offset = record.end
        self._count_missing(record.stream, entry.seq + 1, record.seq)
        entry.seq = record.seq
        if self._to_pass and record.seq >= self._to_pass.get(record.stream, record.seq + 1):
            del self._to_pass[record.stream]
        if record.kind == _START:
            entry.task_open = True
            entry.description = asdict(self._reader.stream(record.stream).description)
        elif record.kind == _END:
            entry.task_open = False
            entry.description = None
        self._dirty = True

    def _count_missing(self, stream: str, expected: int, found: int) -> None:
        """Add records that were said and are not there: numbers of a stream have no holes."""
        if found > expected:
            self.cursor.totals.missing += found - expected
            log.error(
                "%d records of stream %s are missing in the spool, numbers %d to %d: their segment "
                "was damaged or removed",
                *(found - expected, stream, expected, found - 1),
            )

    def _count_dropped(self, stream: str, first: int, behind: int) -> None:
        """Add what the writer had to drop while segments ``first … behind - 1`` were its last."""
        for number in range(first, behind):
            path = self._directory / segment.file_name(stream, number)
            count = dropped_in(path)
            if count is None:
                log.error("how many records were dropped while %s was written is damaged", path)
            self.cursor.totals.dropped += count or 0

    def _count_skipped(self, stream: str, entry: StreamCursor, end: Position) -> None:
        """Add what lies between the cursor and ``end`` without being frames."""
        count = 0
        for number in range(entry.segment, end.segment + 1):
            path = self._directory / segment.file_name(stream, number)
            begin = entry.offset if number == entry.segment else 0
            behind = end.offset if number == end.segment else size_of(path)
            count += max(0, behind - (begin or _with_file(path, _first_offset)))
        self.cursor.totals.skipped_bytes += count
        self.cursor.totals.skipped_places += count > 0
        if count:
            log.error("%d damaged bytes in stream %s were skipped", count, stream)

    # --- the end of streams -------------------------------------------------------------------

    def _finish_streams(self) -> None:
        """Finish streams whose writers are gone; add the END that a killed service left out."""
        finished = False
        now = time.monotonic()
        for name in self._reader.ended:
            ended_at = self._ended_at.setdefault(name, now)
            if not self._ledger.holds(name):
                entry = self.cursor.streams.get(name)
                if entry is not None and entry.task_open:
                    self._add_missing_end(name, entry)
                elif now - ended_at >= self.linger_seconds:
                    self._finish(name)
                    finished = True
        for name in self._lost:
            if name in self.cursor.streams:
                self._add_missing_end(name, self.cursor.streams[name])
        if finished:
            self.save()

    def _end_former_tasks(self, spooled: SpooledFrame) -> None:
        """Say END for a service that was killed within a task before the next run speaks.

        A container that is started again speaks into the same spool at once. While the broker is
        away, what both runs said comes up together: a START of the second run must not come
        between the START and the END of the first. Where a process of the first run still lives,
        its END waits for that, as ever.
        """
        new = spooled.description
        for name in sorted(self._open_tasks):
            if name == spooled.stream or name not in self._reader.streams:
                continue
            old = self._reader.stream(name).description
            same_run = old.service == new.service and new.service
            if old.instance_id == new.instance_id and not same_run:
                self._await_outcomes()
                self._collect(0.0)
                entry = self.cursor.streams.get(name)
                if entry is not None and entry.task_open and self._is_run_spent(name, entry):
                    self._say_missing_end(name, entry)

    def _is_run_spent(self, name: str, entry: StreamCursor) -> bool:
        """Return whether all writers of a stream's run are gone and nothing of theirs is left."""
        return all(self._is_spent(other) for other in self._streams_of_run(name, entry))

    def _streams_of_run(self, name: str, entry: StreamCursor) -> list[str]:
        """Return the streams that are there of the run of the service that a stream belongs to."""
        run, streams = self._description(name, entry).service, self._reader.streams
        if not run:
            return [name] if name in streams else []
        return [one for one in streams if self._reader.stream(one).description.service == run]

    def _description(self, name: str, entry: StreamCursor) -> Description:
        """Return a stream's description; the cursor keeps that of an open task."""
        if entry.description:
            return Description(**entry.description)
        return self._reader.stream(name).description

    def _is_spent(self, name: str) -> bool:
        """Return whether a stream's writer is gone and nothing lies behind the cursor."""
        entry = self.cursor.streams.get(name) or StreamCursor(*_BEGIN)
        try:
            reader = StreamReader(self._directory, name, entry.segment, entry.offset)
        except (OSError, segment.BadSegment):
            return False
        try:
            return not reader.read() and reader.ended
        except OSError:
            return False
        finally:
            reader.close()

    def _add_missing_end(self, name: str, entry: StreamCursor) -> None:
        """Say END for a dead service, once every stream of that service has ended."""
        if all(other in self._reader.ended for other in self._streams_of_run(name, entry)):
            self._say_missing_end(name, entry)

    def _say_missing_end(self, name: str, entry: StreamCursor) -> None:
        if name in self._ends_added:
            return
        description = self._description(name, entry)
        self._ends_added.add(name)
        log.warning(
            "the service of %s died within a task: its END is added", description.instance_id
        )
        at = Position(entry.segment, entry.offset)
        self._send(missing_end(description, entry.seq, at, time.time_ns() // 1_000_000))

    def _is_finished(self, name: str) -> bool:
        entry = self.cursor.streams.get(name)
        return entry is not None and entry.finished

    def _finish(self, name: str) -> None:
        reader = self._reader.stream(name)
        entry = self.cursor.streams.get(name)
        if entry is None:
            entry = self.cursor.streams[name] = StreamCursor(*_BEGIN)
        self._count_dropped(name, entry.segment, reader.number + 1)
        self._count_skipped(name, entry, Position(reader.number, reader.offset))
        entry.segment, entry.offset = reader.number, reader.offset
        entry.finished = True
        self._to_pass.pop(name, None)
        self._reader.forget(name)
        self._ended_at.pop(name, None)

    # --- the cursor ---------------------------------------------------------------------------

    def _save(self) -> None:
        state = self._sink.state()  # asked in any case, since it makes durable what was delivered
        self._save_state(self.cursor.sink if self._to_pass else state)

    def _insist_on_saving(self, state: dict[str, Any]) -> None:
        """Save for the sink, which may not go on before that."""
        self._cursor_patience.insist(lambda: self._save_state(state))

    def _save_state(self, state: dict[str, Any] | None) -> None:
        self.cursor.sink = state
        self.cursor.save(self._directory)
        self._dirty = False
        self._saved_at = time.monotonic()

    def _delete_behind_cursor(self) -> None:
        """Delete segments that the cursor on disk has passed, and forget finished streams."""
        present = segment.list_segments(self._directory)
        for name, entry in list(self.cursor.streams.items()):
            numbers = present.get(name, [])
            for number in numbers:
                if entry.finished or number < entry.segment:
                    (self._directory / segment.file_name(name, number)).unlink(missing_ok=True)
            if entry.finished or not (numbers or entry.description):
                del self.cursor.streams[name]
                self._dirty = True

    def _has_undelivered(self) -> bool:
        """Return whether anything lies in the spool past the cursor."""
        for name, numbers in segment.list_segments(self._directory).items():
            entry = self.cursor.streams.get(name)
            if entry is None or numbers[-1] > entry.segment or entry.task_open:
                return True
            path = self._directory / segment.file_name(name, entry.segment)
            if size_of(path) > entry.offset:
                return True
        return False


def dropped_in(path: Path) -> int | None:
    """Return the count of dropped records in a segment's header.

    0 if the file is gone, None if the count is damaged.
    """
    return _with_file(path, segment.read_dropped)


def size_of(path: Path) -> int:
    """Return a file's size in bytes; 0 if it is gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _first_offset(fd: int) -> int:
    try:
        return segment.read_description(fd)[1]
    except segment.BadSegment:
        return 0  # the header is damage like any other


def _with_file(path: Path, read: Callable[[int], T]) -> T | int:
    try:
        with path.open("rb") as file:
            return read(file.fileno())
    except OSError:
        return 0
