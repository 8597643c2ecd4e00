"""Writes the log line of every message, from the spool, in the service parent.

The algorithm's call only appends to the spool; a line through `logging` would cost it ten times
as much. This thread reads the same frames a moment later and writes the lines, with the time at
which each was reported.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.merge import SpooledFrame, SpoolReader
from dubhe_sdk.spool.segment import list_segments

_INTERVAL_SECONDS = 0.25
# A loop that reports ten thousand batches a second gets a sum in place of most of its lines.
_LINES_PER_INTERVAL = 100
_LONGEST = 2000


class ProgressLog:
    """Follows the spool and logs the messages of this run of the service.

    Args:
        spool: the spool's directory.
        service: the run's name, as in `Description.service`.
        log: the SDK's logger.
        serving: where the service listens and where messages go, added to the line of READY.
    """

    def __init__(self, spool: Path, service: str, log: logging.Logger, serving: str) -> None:
        self._log = log
        self._serving = serving
        self._service = service
        self._spool = spool
        # Streams of other runs, and those that have ended: their files stay until delivered.
        self._ignored = set(list_segments(spool))
        self._reader = SpoolReader(spool, {}, log.warning, ignore=self._ignored.__contains__)
        self._stopping = False
        self._poll_requested = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress-log", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def poll(self) -> None:
        """Log what there is now and not a moment later.

        Once a process is gone its stream may be delivered and deleted before it was ever seen
        here; so this is called while the model still lives.
        """
        self._poll_requested.set()

    def stop(self) -> None:
        """Log what there still is, and end."""
        self._stopping = True
        self._poll_requested.set()
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stopping
            try:
                self._pass()
            except OSError as error:
                self._log.warning("messages cannot be logged: %s", error)
            if not last:
                self._poll_requested.wait(_INTERVAL_SECONDS)
                self._poll_requested.clear()
        self._reader.close()

    def _pass(self) -> None:
        lines = hidden = 0
        while frames := self._reader.read():
            for spooled in frames:
                if spooled.description.service != self._service:
                    continue
                if spooled.frame.kind == Kind.PROGRESS and lines >= _LINES_PER_INTERVAL:
                    hidden += 1
                    continue
                lines += 1
                self._write(spooled)
        self._forget_ended()
        if hidden:
            self._log.info("%d more progress messages, not shown here", hidden)

    def _forget_ended(self) -> None:
        """Close the files of processes that have ended: a training may start many short ones."""
        ended = self._reader.ended
        if ended:
            for name in ended:
                self._reader.forget(name)
            self._ignored.update(ended)
            self._ignored.intersection_update(list_segments(self._spool))

    def _write(self, spooled: SpooledFrame) -> None:
        frame = spooled.frame
        line = line_of(spooled)
        if frame.kind == Kind.READY:
            line += f": {self._serving}"
        record = self._log.makeRecord(
            self._log.name, logging.INFO, __file__, 0, "%s", (line,), None
        )
        record.created = frame.date_ms / 1000
        record.msecs = frame.date_ms % 1000
        record.process = spooled.description.pid
        record.fields = {
            "instance_id": spooled.description.instance_id,
            "kind": _kind_name(frame.kind),
        }
        self._log.handle(record)


def _kind_name(kind: int) -> str:
    return Kind(kind).name.lower() if kind in Kind.__members__.values() else "?"


def line_of(spooled: SpooledFrame) -> str:
    """Return a message as a line for people."""
    frame = spooled.frame
    name = _kind_name(frame.kind)
    try:
        data = json.loads(frame.value)["data"]
    except (ValueError, KeyError):
        data = frame.value.decode("utf-8", "replace")
    if frame.kind in (Kind.READY, Kind.START, Kind.END) and isinstance(data, dict):
        text = f"{data.get('action')} {data.get('status')} {data.get('msg')}"
    elif frame.kind == Kind.PROGRESS and isinstance(data, dict):
        text = f"progress {data.pop('progress', '?')}"
        if "epoch" in data:
            text += f" epoch {data.pop('epoch')}"
        if frame.batches:
            text += f" batch {frame.batch}/{frame.batches}"
        text += "".join(f" {key}={value}" for key, value in data.items())
    else:
        text = f"{name} {json.dumps(data, ensure_ascii=False)}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
