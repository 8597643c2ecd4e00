"""The END that a killed service left out.

Problem
    A service that is killed within a task cannot say its END, and nobody else in its container
    may be left to say it. The platform must learn that the task is over, once, after everything
    that belongs to it and before anything of the next run.

Mechanism
    A stream whose writer is dead, whose START was delivered and whose END was not, gets one:
    when all streams of that run of the service have ended, or just before a later run of the
    same instance speaks.

Safety
    Its sequence number is the stream's last plus one, so a sidecar that is killed and started
    again makes the same record, and recognises it as delivered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from dubhe_sdk.spool import segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.merge import SpooledFrame, SpoolReader
from dubhe_sdk.spool.reader import StreamReader
from dubhe_sdk.spool.segment import Description
from dubhe_sidecar.convert import missing_end
from dubhe_sidecar.cursor import BEGIN, Cursor, StreamCursor
from dubhe_sidecar.record import Position, Record

_START = int(Kind.START)
_END = int(Kind.END)
_BY_THE_SERVICE = frozenset((int(Kind.READY), _START, _END))

log = logging.getLogger("dubhe_sidecar")


class Endings:
    """Knows which tasks are open, and ends those that nobody else will.

    Args:
        directory: the spool's directory.
        cursor: what was delivered.
        reader: reads the spool.
        send: delivers a record.
        settle: waits until nothing is on its way and the cursor knows of it.
    """

    def __init__(
        self,
        directory: Path,
        cursor: Cursor,
        reader: SpoolReader,
        send: Callable[[Record], None],
        settle: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._cursor = cursor
        self._reader = reader
        self._send = send
        self._settle = settle
        self._added: set[str] = set()
        # Streams of which START was handed over and END was not.
        self._open = {name for name, entry in cursor.streams.items() if entry.task_open}
        present = segment.list_segments(directory)
        # Their files are gone, with power or by hand, and their tasks still need an END.
        self._lost = [
            name
            for name, entry in cursor.streams.items()
            if name not in present and entry.description is not None
        ]

    def sees(self, record: Record) -> None:
        """Take note of a record that is handed over."""
        if record.kind == _START:
            self._open.add(record.stream)
        elif record.kind == _END:
            self._open.discard(record.stream)

    def precede(self, spooled: SpooledFrame) -> None:
        """Before a frame is handed over: end the tasks of former runs, if it begins another."""
        if self._open and spooled.frame.kind in _BY_THE_SERVICE:
            self._end_former_tasks(spooled)

    def end_lost(self) -> None:
        """End the tasks whose files are gone."""
        for name in self._lost:
            if name in self._cursor.streams:
                self.add_missing(name, self._cursor.streams[name])

    def _end_former_tasks(self, spooled: SpooledFrame) -> None:
        """Say END for a service that was killed within a task before the next run speaks.

        A container that is started again speaks into the same spool at once. While the broker is
        away, what both runs said comes up together: a START of the second run must not come
        between the START and the END of the first. Where a process of the first run still lives,
        its END waits for that, as ever.
        """
        new = spooled.description
        for name in sorted(self._open):
            if name == spooled.stream or name not in self._reader.streams:
                continue
            old = self._reader.stream(name).description
            same_run = old.service == new.service and new.service
            if old.instance_id == new.instance_id and not same_run:
                self._settle()
                entry = self._cursor.streams.get(name)
                if entry is not None and entry.task_open and self._is_run_spent(name, entry):
                    self._say(name, entry)

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
        entry = self._cursor.streams.get(name) or StreamCursor(*BEGIN)
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

    def add_missing(self, name: str, entry: StreamCursor) -> None:
        """Say END for a dead service, once every stream of that service has ended."""
        if name in self._added:
            return
        if all(other in self._reader.ended for other in self._streams_of_run(name, entry)):
            self._say(name, entry)

    def _say(self, name: str, entry: StreamCursor) -> None:
        if name in self._added:
            return
        description = self._description(name, entry)
        self._added.add(name)
        log.warning(
            "the service of %s died within a task: its END is added", description.instance_id
        )
        at = Position(entry.segment, entry.offset)
        self._send(missing_end(description, entry.seq, at, time.time_ns() // 1_000_000))
