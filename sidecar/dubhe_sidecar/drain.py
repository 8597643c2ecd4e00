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
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dubhe_sdk.spool import segment
from dubhe_sdk.spool.frame import OVERHEAD, Kind
from dubhe_sdk.spool.merge import SpoolReader
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar.convert import to_record
from dubhe_sidecar.cursor import BEGIN, StreamCursor
from dubhe_sidecar.dead_letters import DeadLetters
from dubhe_sidecar.disk_retry import Patience
from dubhe_sidecar.in_flight import Ledger
from dubhe_sidecar.loss_counters import Losses, size_of
from dubhe_sidecar.missing_end import Endings
from dubhe_sidecar.record import Position, Record
from dubhe_sidecar.sinks.base import Outcome, Sink

_SAVE_SECONDS = 0.2
# While records are on their way, outcomes are waited for so long before new frames are looked for.
_OUTCOME_SECONDS = 0.004
_START = int(Kind.START)
_END = int(Kind.END)
_PROGRESS = int(Kind.PROGRESS)  # nearly all there is, and no concern of the endings

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
        self._losses = Losses(directory, self.cursor.totals)
        self._ledger = Ledger()
        self._dirty = False
        self._saved_at = 0.0
        self._ended_at: dict[str, float] = {}
        # Per stream, the last number that had arrived before and has not come up again.
        self._to_pass: dict[str, int] = {}
        self._delete_behind_cursor()
        self._reader = SpoolReader(
            directory,
            {name: (s.segment, s.offset) for name, s in self.cursor.streams.items()},
            log.error,
            ignore=self._is_finished,  # its files may outlive it for as long as the disk is full
            last_seqs={name: s.seq for name, s in self.cursor.streams.items()},
        )
        self._endings = Endings(
            directory, self.cursor, self._reader, self._send, self._await_all_outcomes
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
        endings, send = self._endings, self._send
        for spooled in frames:
            if spooled.frame.kind != _PROGRESS:
                endings.precede(spooled)
            send(to_record(spooled))
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
        if record.kind != _PROGRESS:
            self._endings.sees(record)
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

    def _await_all_outcomes(self) -> None:
        """Wait until nothing is on its way, and have the cursor know of it."""
        self._await_outcomes()
        self._collect(0.0)

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
        if rejected is None:
            totals.delivered += 1
            totals.delivered_bytes += len(record.value)
        else:
            totals.rejected += 1
        entry = self.cursor.streams.get(record.stream)
        if entry is None:
            entry = self.cursor.streams[record.stream] = StreamCursor(*BEGIN)
        number, end = record.end
        if end != entry.offset or number != entry.segment:  # all but an END that was added
            begin = end - OVERHEAD - len(record.value)
            if number != entry.segment:
                self._losses.dropped(record.stream, entry.segment, number)
            if begin != entry.offset or number != entry.segment:
                self._losses.skipped(record.stream, entry, Position(number, begin))
            entry.segment, entry.offset = number, end
        if record.seq != entry.seq + 1:
            self._losses.missing(record.stream, entry.seq + 1, record.seq)
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
                    self._endings.add_missing(name, entry)
                elif now - ended_at >= self.linger_seconds:
                    self._finish(name)
                    finished = True
        self._endings.end_lost()
        if finished:
            self.save()

    def _is_finished(self, name: str) -> bool:
        entry = self.cursor.streams.get(name)
        return entry is not None and entry.finished

    def _finish(self, name: str) -> None:
        reader = self._reader.stream(name)
        entry = self.cursor.streams.get(name)
        if entry is None:
            entry = self.cursor.streams[name] = StreamCursor(*BEGIN)
        self._losses.dropped(name, entry.segment, reader.number + 1)
        self._losses.skipped(name, entry, Position(reader.number, reader.offset))
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
