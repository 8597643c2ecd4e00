"""`OutcomeHandler`: what the fate of records changes in the cursor.

An outcome moves the position of its stream behind the records, counts them and what is missing
before them, and keeps what was refused for good as a dead letter. One that was deferred is held
back; what is delivered behind it is noted as one number per topic (see ``held_back.py``).

After a crash the sink names what had arrived beyond the cursor. Until all of that is passed,
`passes_arrived` is true, and the cursor is to keep the sink's old state: with a newer one, the
records between the two would be neither before the position nor beyond the state after a second
crash, and would be sent again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from dubhe_sdk.spool.frame import OVERHEAD, Kind
from dubhe_sdk.spool.segment import Description
from dubhe_sidecar.cursor import BEGIN, Cursor, StreamCursor
from dubhe_sidecar.dead_letters import DeadLetters
from dubhe_sidecar.disk_retry import DiskRetry
from dubhe_sidecar.held_back import HeldBack
from dubhe_sidecar.loss_counters import LossCounters
from dubhe_sidecar.record import OutgoingRecord, Position
from dubhe_sidecar.sinks.base import DeliveryOutcome, Sink

_START = int(Kind.START)
_END = int(Kind.END)

log = logging.getLogger("dubhe_sidecar")


class OutcomeHandler:
    """Applies outcomes, in the order of their records, to a cursor.

    Args:
        directory: the spool's directory.
        cursor: what it changes.
        sink: the destination.
        held_back: takes what is deferred.
        losses: counts what is missing.
        describe: returns the description of a stream that is read.
        dead_letters_max_bytes: see `DeadLetters`.
    """

    def __init__(
        self,
        directory: Path,
        cursor: Cursor,
        sink: Sink,
        held_back: HeldBack,
        losses: LossCounters,
        describe: Callable[[str], Description],
        *,
        dead_letters_max_bytes: int,
    ) -> None:
        self._cursor = cursor
        self._sink = sink
        self._held_back = held_back
        self._losses = losses
        self._describe = describe
        self._dead_letters = DeadLetters(directory, dead_letters_max_bytes)
        self._retry = DiskRetry(
            f"the dead letter for {self._dead_letters.path}", "delivery waits", directory
        )
        # Per stream, the last number that had already arrived and has not been passed yet.
        self._arrived_up_to: dict[str, int] = {}

    @property
    def disk_error(self) -> str | None:
        """Why a dead letter cannot be written. May be read from any thread."""
        return self._retry.error

    @property
    def passes_arrived(self) -> bool:
        """Whether something that had arrived before is not passed yet."""
        return bool(self._arrived_up_to)

    def expect_arrived(self, present: Collection[str]) -> None:
        """Note, of what the sink names as arrived, up to where it is to be passed.

        Args:
            present: the streams that have files.
        """
        for name, seqs in self._sink.delivered.items():
            entry = self._cursor.streams.get(name)
            last = max(seqs, default=0)
            expected = name in present or (entry is not None and entry.task_open)
            if expected and last > (entry.seq if entry else 0):
                self._arrived_up_to[name] = last

    def forget(self, stream: str) -> None:
        """A stream has ended: nothing of it is to be passed any more."""
        self._arrived_up_to.pop(stream, None)

    def apply(self, outcome: DeliveryOutcome) -> bool:
        """Apply an outcome; return whether the cursor has changed."""
        records, rejected, deferred = outcome
        last = records[-1]
        if deferred:
            self._held_back.add(records[0])
            return False
        entry = self._cursor.streams.get(last.stream)
        if entry is not None and entry.is_ahead(last.topic, last.seq):
            # All else was done when it was delivered.
            if self._held_back.is_behind(last):
                return False
            self._advance_position(entry, records)
            return True
        self._count(records, rejected)
        if entry is None:
            cluster = self._sink.destination.cluster
            entry = self._cursor.streams[last.stream] = StreamCursor(*BEGIN, cluster=cluster)
        if self._held_back.is_behind(last):
            self._advance_ahead(entry, last)
        else:
            self._advance_position(entry, records)
        if last.kind == _START:
            entry.task_open = True
            entry.description = asdict(self._describe(last.stream))
        elif last.kind == _END:
            entry.task_open = False
            entry.description = None
        return True

    def _count(self, records: Sequence[OutgoingRecord], rejected: str | None) -> None:
        totals = self._cursor.totals
        if rejected is None:
            totals.delivered += len(records)
            totals.delivered_bytes += _size(records)
            return
        for record in records:
            self._keep_rejected(record, rejected)
        totals.rejected += len(records)
        totals.dead_letters_discarded += self._dead_letters.discarded
        self._dead_letters.discarded = 0

    def _keep_rejected(self, record: OutgoingRecord, reason: str) -> None:
        log.error(
            "record %d of stream %s is permanently refused by %s: %s; it is kept in %s",
            *(record.seq, record.stream, self._sink.name, reason, self._dead_letters.path),
        )
        now_ms = time.time_ns() // 1_000_000
        self._retry.run(lambda: self._dead_letters.add(record, reason, now_ms))

    def _advance_ahead(self, entry: StreamCursor, last: OutgoingRecord) -> None:
        """Note an outcome behind a record that is held back."""
        if self._held_back.has_topic(last.key, last.topic):
            raise AssertionError(
                f"record {last.seq} of stream {last.stream} has an outcome before an earlier one "
                f"for topic {last.topic}, which the sink deferred"
            )
        entry.ahead[last.topic] = last.seq

    def _advance_position(self, entry: StreamCursor, records: Sequence[OutgoingRecord]) -> None:
        """Move the position of a stream behind records."""
        last, size = records[-1], _size(records)
        if _is_seamless(records, size):
            self._pass(entry, records[0], last, size + len(records) * OVERHEAD)
        else:
            for record in records:
                self._pass(entry, record, record, OVERHEAD + len(record.value))
        if entry.ahead:
            entry.ahead = {topic: seq for topic, seq in entry.ahead.items() if seq > last.seq}
        if self._arrived_up_to and last.seq >= self._arrived_up_to.get(last.stream, last.seq + 1):
            del self._arrived_up_to[last.stream]

    def _pass(
        self, entry: StreamCursor, first: OutgoingRecord, last: OutgoingRecord, size: int
    ) -> None:
        """Move a position behind records that take ``size`` bytes; count what lies before them."""
        number, end = last.end
        if end != entry.offset or number != entry.segment:  # not so for an END that was added
            begin = end - size
            if number != entry.segment:
                self._losses.count_dropped(last.stream, entry.segment, number)
            if begin != entry.offset or number != entry.segment:
                self._losses.count_skipped(last.stream, entry, Position(number, begin))
            entry.segment, entry.offset = number, end
        if first.seq != entry.seq + 1:
            self._losses.count_missing(last.stream, entry.seq + 1, first.seq)
        entry.seq = last.seq


def _size(records: Sequence[OutgoingRecord]) -> int:
    """Return the bytes of all values."""
    return sum([len(record.value) for record in records])


def _is_seamless(records: Sequence[OutgoingRecord], size: int) -> bool:
    """Return whether nothing lies between records of one segment, and none is missing.

    Args:
        records: ascending, as a reader returned them together.
        size: bytes of their values.
    """
    first, last, count = records[0], records[-1], len(records)
    begin = first.end.offset - OVERHEAD - len(first.value)
    return (
        last.seq - first.seq == count - 1
        and last.end.segment == first.end.segment
        and last.end.offset - begin == size + count * OVERHEAD
    )
