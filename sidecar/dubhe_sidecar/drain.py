"""`Drain`: spool → sink, one round at a time.

A round reads frames, hands them to the sink, collects outcomes, advances the cursor and deletes
what lies before it. Each state has one owner: positions the cursor, records in flight the queue.

Order of steps at a stream's end, so that a crash between any two repeats at worst a deletion:
the cursor marks it *finished*, durably; the files are deleted; the stream is removed from the
cursor.

After a crash the sink reports what had arrived beyond the cursor; it is passed, not sent
(``outcomes.py``).

Records whose topic does not exist stay in the spool, and what must wait for them too, while the
rest is delivered: see ``held_back.py``.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_right
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from dubhe_sdk.spool import segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.merge import FrameRun, SpooledFrame, SpoolReader
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar import dead_letters
from dubhe_sidecar.convert import key_of, to_records
from dubhe_sidecar.cursor import BEGIN, StreamCursor
from dubhe_sidecar.disk_retry import DiskRetry
from dubhe_sidecar.held_back import HeldBack
from dubhe_sidecar.in_flight import InFlightQueue
from dubhe_sidecar.loss_counters import LossCounters, size_of
from dubhe_sidecar.missing_end import MissingEnds
from dubhe_sidecar.outcomes import OutcomeHandler
from dubhe_sidecar.ownership import Ownership
from dubhe_sidecar.record import OutgoingRecord, Position
from dubhe_sidecar.sinks.base import OutageCode, OutageReason, Sink

_SAVE_SECONDS = 0.2
# While records are in flight, a round waits this long for outcomes before it reads new frames.
_OUTCOME_SECONDS = 0.004
# After so many records it collects between two runs.
_COLLECT_RECORDS = 1024
_START = int(Kind.START)
_END = int(Kind.END)
_MANY = frozenset((int(Kind.PROGRESS), int(Kind.RESULT)))  # the others go one by one
_kind = attrgetter("kind")
_seq = attrgetter("seq")

log = logging.getLogger("dubhe_sidecar")


class Drain:
    """Delivers one spool to one sink.

    Args:
        directory: the spool's directory; the caller holds its lock.
        sink: the destination.
        linger_seconds: how long a stream's files stay after its end. The service parent writes its
            log lines from them, and a process that reports one message may live for less than the
            time between two of its reads.
        launch, everything: see `Ownership`.
        dead_letters_max_bytes: see `DeadLetters`.

    Raises:
        SinkError: the cursor cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        sink: Sink,
        linger_seconds: float = 0.0,
        *,
        launch: str = "",
        everything: bool = False,
        dead_letters_max_bytes: int = dead_letters.MAX_BYTES,
    ) -> None:
        self._directory = directory
        self._sink = sink
        self.linger_seconds = linger_seconds
        self.cursor = cursors.load(directory)
        self.cursor.sink_name = sink.name
        self.ownership = Ownership(
            directory, self.cursor, lambda: sink.destination, launch, everything=everything
        )
        self._cursor_retry = DiskRetry(
            f"the cursor in {directory}", "nothing is deleted from the spool", directory
        )
        self._losses = LossCounters(directory, self.cursor.totals)
        self._in_flight = InFlightQueue()
        self._held_back = HeldBack()
        self._uncollected = 0  # records sent since outcomes were collected
        self._dirty = False
        self._delivered_before = self.cursor.totals.delivered
        self._saved_at = 0.0
        self._ended_at: dict[str, float] = {}
        self._delete_before_cursor()
        self._reader = SpoolReader(
            directory,
            {name: (s.segment, s.offset) for name, s in self.cursor.streams.items()},
            log.error,
            ignore=self._is_finished,  # while the disk is full its files may still exist
            last_seqs={name: s.seq for name, s in self.cursor.streams.items()},
            accept=self.ownership.is_mine,
        )
        self._outcomes = OutcomeHandler(
            directory,
            self.cursor,
            sink,
            self._held_back,
            self._losses,
            lambda stream: self._reader.stream(stream).description,
            dead_letters_max_bytes=dead_letters_max_bytes,
        )
        self._missing_ends = MissingEnds(
            directory,
            self.cursor,
            self._reader,
            self._send,
            self._await_all_outcomes,
            self.ownership.is_mine,
            lambda description: self._held_back.has_instance(key_of(description)),
        )

    def open(self) -> None:
        """Connect the sink, waiting as long as it takes.

        Raises:
            SinkError: the sink cannot go on.
        """
        self._sink.connect()
        # Positions are valid for every destination; the state is of one alone.
        destination, states = self._sink.destination, self.cursor.sinks
        if destination.kind in states and destination.key not in states:
            # Saved when the cluster's id was not recorded: by an earlier version.
            states[destination.key] = states.pop(destination.kind)
        self._sink.open(
            states.get(destination.key),
            undelivered=self._has_undelivered(),
            save=self._save_for_sink,
        )
        self._outcomes.expect_arrived(segment.list_segments(self._directory))

    def step(self) -> bool:
        """Do one round. Return whether there was anything to do.

        Raises:
            SinkError: the sink cannot go on; the next process resumes from the cursor.
        """
        if self._held_back and self._sink.may_resume():
            self._resume()
        runs = self._reader.read_runs()
        for run in runs:
            self._send_run(run)
        self._collect(0.0 if runs else _OUTCOME_SECONDS)
        self._finish_streams()
        if not runs and not self._in_flight and self._sink.advance():
            self._dirty = True
        if self._dirty and (time.monotonic() - self._saved_at >= _SAVE_SECONDS):
            self.save()
        return bool(runs or self._in_flight)

    @property
    def holds_back(self) -> bool:
        """Whether records wait in the spool until their topic exists."""
        return bool(self._held_back)

    @property
    def wants_save_in(self) -> float | None:
        """Seconds until a save is due, or None."""
        if not self._dirty:
            return None
        due = max(self._saved_at + _SAVE_SECONDS, self._cursor_retry.next_attempt_at)
        return max(0.0, due - time.monotonic())

    @property
    def outage(self) -> OutageReason | None:
        """Why the cursor or a dead letter cannot be written. May be read from any thread."""
        error = self._outcomes.disk_error or self._cursor_retry.error
        return OutageReason(OutageCode.DISK, error) if error else None

    @property
    def has_delivered(self) -> bool:
        """Whether anything was delivered since it was made."""
        return self.cursor.totals.delivered > self._delivered_before

    def save(self) -> None:
        """Write the cursor, then delete what lies before it.

        If the disk refuses, nothing is deleted and it is tried again later. Delivery goes on: after
        a crash, records beyond the cursor are recognised as delivered.
        """
        if self._cursor_retry.attempt(self._save):
            self._delete_before_cursor()

    def settle(self) -> None:
        """Wait until nothing is in flight.

        Raises:
            SinkError: the sink cannot go on.
        """
        self._await_all_outcomes()

    def abandon(self) -> None:
        """Close everything without waiting for anything; the next drain begins at the cursor."""
        self._reader.close()
        self._sink.close()

    def close(self) -> None:
        """Save, waiting until the disk accepts it, and close everything."""
        if self._dirty:
            self._cursor_retry.run(self._save)
            self._delete_before_cursor()
        self._reader.close()
        self._sink.close()

    # --- records ------------------------------------------------------------------------------

    def _send_run(self, run: FrameRun) -> None:
        """Send frames: progress together, results together, others one by one."""
        stream, number, _, description = run
        for kind, group in groupby(run.frames, key=_kind):
            frames = list(group)
            if kind in _MANY:
                self._send(to_records(FrameRun(stream, number, frames, description)))
                continue
            for frame in frames:
                self._missing_ends.before_frame(SpooledFrame(stream, number, frame, description))
                self._send(to_records(FrameRun(stream, number, [frame], description)))

    def _send(self, records: list[OutgoingRecord]) -> None:
        """Send records of one stream and topic; START and END come alone."""
        stream, topic = records[0].stream, records[0].topic
        entry = self.cursor.streams.get(stream)
        if entry is not None and entry.ahead:
            count = bisect_right(records, entry.ahead.get(topic, 0), key=_seq)
            if count:
                self._in_flight.append(records[:count], arrived=True)
                records = records[count:]
            if not records:
                return
        arrived = self._sink.delivered.get(stream)
        if not arrived:
            self._send_part(records, arrived=False)
            return
        for is_there, group in groupby(records, key=lambda record: record.seq in arrived):
            self._send_part(list(group), arrived=is_there)

    def _send_part(self, records: list[OutgoingRecord], *, arrived: bool) -> None:
        first = records[0]
        kind = first.kind
        # Results go to another topic than START and END. A consumer of both must find the
        # results of a task between the two, so nothing overtakes them.
        if kind == _END and not arrived:
            self._await_outcomes()
        if self._held_back and self._held_back.must_wait(first):
            self._held_back.add(first)
            return
        if kind not in _MANY:
            self._missing_ends.observe(first)
        self._in_flight.append(records, arrived=arrived)
        if arrived:
            return
        self._sink.send(records)
        if kind == _START:
            self._await_outcomes()
        self._uncollected += len(records)
        if self._uncollected >= _COLLECT_RECORDS:
            self._collect(0.0)

    def _await_outcomes(self) -> None:
        """Wait until nothing is in flight."""
        while self._sink.in_flight:
            self._collect(_OUTCOME_SECONDS)

    def _await_all_outcomes(self) -> None:
        """Wait until nothing is in flight and the cursor includes every outcome."""
        self._await_outcomes()
        self._collect(0.0)

    def _collect(self, timeout: float) -> None:
        self._uncollected = 0
        if self._sink.in_flight:
            outcomes = list(self._sink.collect(timeout))
            for outcome in self._in_flight.complete(outcomes):
                self._dirty = self._outcomes.apply(outcome) or self._dirty
        else:
            for outcome in self._in_flight.pop_arrived():
                self._dirty = self._outcomes.apply(outcome) or self._dirty

    def _resume(self) -> None:
        """Read again all that is held back, from the cursor on, as a new process would."""
        self._await_all_outcomes()
        self._sink.resume()
        for name in self._held_back.streams:
            entry = self.cursor.streams.get(name)
            if entry is None:
                self._reader.set_back(name, None, 0)
            else:
                self._reader.set_back(name, (entry.segment, entry.offset), entry.seq)
            self._missing_ends.set_back(name, entry)
            self._ended_at.pop(name, None)
        self._held_back.clear()
        self._outcomes.expect_arrived(segment.list_segments(self._directory))

    # --- the end of streams -------------------------------------------------------------------

    def _finish_streams(self) -> None:
        """Finish streams whose writers have ended; send the END of a killed service."""
        finished = False
        now = time.monotonic()
        for name in self._reader.ended:
            ended_at = self._ended_at.setdefault(name, now)
            if not (self._in_flight.contains_stream(name) or self._held_back.has_stream(name)):
                entry = self.cursor.streams.get(name)
                if entry is not None and entry.task_open:
                    self._missing_ends.end_stream(name, entry)
                elif now - ended_at >= self.linger_seconds:
                    self._finish(name)
                    finished = True
        self._missing_ends.end_streams_without_files()
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
        self._losses.count_dropped(name, entry.segment, reader.number + 1)
        self._losses.count_skipped(name, entry, Position(reader.number, reader.offset))
        entry.segment, entry.offset = reader.number, reader.offset
        entry.finished = True
        self._outcomes.forget(name)
        self._reader.forget(name)
        self._ended_at.pop(name, None)

    # --- the cursor ---------------------------------------------------------------------------

    def _save(self) -> None:
        passes_arrived = self._outcomes.passes_arrived
        if not passes_arrived:
            self._sink.forget_delivered()
        state = self._sink.state()  # always called: it makes durable what was delivered
        self._save_state(None if passes_arrived else state)

    def _save_for_sink(self, state: dict[str, Any]) -> None:
        """Save the sink's state; it may not go on before that."""
        self._cursor_retry.run(lambda: self._save_state(state))

    def _save_state(self, state: dict[str, Any] | None) -> None:
        if state is not None:
            self.cursor.sinks[self._sink.destination.key] = state
        self.cursor.save(self._directory)
        self._dirty = False
        self._saved_at = time.monotonic()

    def _delete_before_cursor(self) -> None:
        """Delete segments that the saved cursor has passed, and forget finished streams."""
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
        """Return whether the spool holds anything past the cursor that this sidecar delivers."""
        for name, numbers in segment.list_segments(self._directory).items():
            if not self.ownership.may_be_mine(name, numbers):
                continue
            entry = self.cursor.streams.get(name)
            if entry is None or numbers[-1] > entry.segment or entry.task_open:
                return True
            path = self._directory / segment.file_name(name, entry.segment)
            if size_of(path) > entry.offset:
                return True
        return False
