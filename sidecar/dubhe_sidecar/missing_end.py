"""`MissingEnds`: sends the END of a task whose service was killed.

Problem
    A service that is killed within a task cannot send its END, and no other process of its
    container may be left to send it. The platform must get one END for the task, after everything
    that belongs to it and before anything of the next run.

Mechanism
    The sidecar adds an END to a stream whose writer is dead, whose START was delivered and whose
    END was not: when all streams of that run of the service have ended, or just before the first
    record of a later run of the same instance.

Safety
    Its sequence number is the stream's last plus one, so a sidecar that is killed and restarted
    makes the same record, and recognises it as delivered.
    While anything of the instance is held back (``held_back.py``), no END is added: it would come
    before that.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from dubhe_sdk.process.state_file import read_states
from dubhe_sdk.spool import segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.merge import SpooledFrame, SpoolReader
from dubhe_sdk.spool.reader import StreamReader
from dubhe_sdk.spool.segment import Description
from dubhe_sidecar.convert import make_end
from dubhe_sidecar.cursor import BEGIN, Cursor, StreamCursor
from dubhe_sidecar.record import OutgoingRecord, Position

_START = int(Kind.START)
_END = int(Kind.END)
_BY_THE_SERVICE = frozenset((int(Kind.READY), _START, _END))

_KILLED = "the service process was killed"
_OUT_OF_TIME = (
    "the service had not ended within the time of a shutdown (DUBHE_SHUTDOWN_TIMEOUT_SECONDS) and "
    "was killed"
)

log = logging.getLogger("dubhe_sidecar")


class MissingEnds:
    """Keeps track of open tasks, and sends the END of those whose service was killed.

    Args:
        directory: the spool's directory.
        cursor: what was delivered.
        reader: reads the spool.
        send: delivers records.
        settle: waits until nothing is in flight and the cursor includes every outcome.
        is_mine: whether a stream is delivered by this sidecar.
        is_held_back: whether anything of an instance is held back, by its stream's description.
    """

    def __init__(
        self,
        directory: Path,
        cursor: Cursor,
        reader: SpoolReader,
        send: Callable[[list[OutgoingRecord]], None],
        settle: Callable[[], None],
        is_mine: Callable[[str, Description], bool] = lambda name, description: True,
        is_held_back: Callable[[Description], bool] = lambda description: False,
    ) -> None:
        self._is_held_back = is_held_back
        self._is_mine = is_mine
        self._directory = directory
        self._cursor = cursor
        self._reader = reader
        self._send = send
        self._settle = settle
        self._ended: set[str] = set()
        # Streams of which START was handed over and END was not.
        self._open = {name for name, entry in cursor.streams.items() if entry.task_open}
        present = segment.list_segments(directory)
        # Their files are gone, after a power cut or by hand, and their tasks still need an END.
        self._without_files = [
            name
            for name, entry in cursor.streams.items()
            if name not in present and entry.description is not None
        ]

    def observe(self, record: OutgoingRecord) -> None:
        """Note the START or END in a record that is handed over."""
        if record.kind == _START:
            self._open.add(record.stream)
        elif record.kind == _END:
            self._open.discard(record.stream)

    def set_back(self, name: str, entry: StreamCursor | None) -> None:
        """A stream is read again from the cursor on: forget what was seen behind that."""
        self._ended.discard(name)
        if entry is not None and entry.task_open:
            self._open.add(name)
        else:
            self._open.discard(name)

    def before_frame(self, spooled: SpooledFrame) -> None:
        """End the tasks of earlier runs, if a frame to be handed over begins another."""
        if self._open and spooled.frame.kind in _BY_THE_SERVICE:
            self._end_earlier_tasks(spooled)

    def end_streams_without_files(self) -> None:
        """End the tasks whose files are gone."""
        for name in self._without_files:
            entry = self._cursor.streams.get(name)
            if entry is None or entry.description is None:
                continue
            if self._is_mine(name, Description(**entry.description)):
                self.end_stream(name, entry)

    def _end_earlier_tasks(self, spooled: SpooledFrame) -> None:
        """Send END for a service that was killed within a task, before the next run's records.

        A container that is restarted writes to the same spool at once. After an outage of the
        broker the records of both runs are delivered together: the START of the second run must not
        come between the START and the END of the first. If a process of the first run still lives,
        its END waits until that has ended.
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
                if entry is not None and entry.task_open and self._is_run_finished(name, entry):
                    self._send_end(name, entry)

    def _is_run_finished(self, name: str, entry: StreamCursor) -> bool:
        """Return whether all writers of a run have ended and all they wrote is delivered."""
        return all(self._is_stream_finished(other) for other in self._streams_of_run(name, entry))

    def _streams_of_run(self, name: str, entry: StreamCursor) -> list[str]:
        """Return the existing streams of the run of the service that a stream belongs to."""
        run, streams = self._description(name, entry).service, self._reader.streams
        if not run:
            return [name] if name in streams else []
        return [one for one in streams if self._reader.stream(one).description.service == run]

    def _description(self, name: str, entry: StreamCursor) -> Description:
        """Return a stream's description; the cursor holds that of an open task."""
        if entry.description:
            return Description(**entry.description)
        return self._reader.stream(name).description

    def _is_stream_finished(self, name: str) -> bool:
        """Return whether a stream's writer has ended and nothing is left after the cursor."""
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

    def end_stream(self, name: str, entry: StreamCursor) -> None:
        """Send END for a dead service, once every stream of that service has ended."""
        if name in self._ended:
            return
        if all(other in self._reader.ended for other in self._streams_of_run(name, entry)):
            self._send_end(name, entry)

    def _send_end(self, name: str, entry: StreamCursor) -> None:
        description = self._description(name, entry)
        if name in self._ended or self._is_held_back(description):
            return
        self._ended.add(name)
        log.warning(
            "the service of %s died within a task: its END is added", description.instance_id
        )
        at = Position(entry.segment, entry.offset)
        date_ms = time.time_ns() // 1_000_000
        self._send([make_end(description, entry.seq, at, date_ms, self._cause(description))])

    def _cause(self, description: Description) -> str:
        """Return why a service died, as far as the container parent above it knows."""
        launch = description.launch
        for state in read_states(self._directory, "launch") if launch else ():
            if state.get("launch") == launch and state.get("out_of_time"):
                return _OUT_OF_TIME
        return _KILLED
