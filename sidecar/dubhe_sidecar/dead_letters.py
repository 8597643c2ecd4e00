"""Records that the destination permanently refuses, with the reason: ``dead-letters.jsonl``."""

from __future__ import annotations

import json
import os
from pathlib import Path

from dubhe_sidecar.record import OutgoingRecord

NAME = "dead-letters.jsonl"


class DeadLetters:
    """The file of dead letters of one spool.

    Each line is ``{"time", "reason", "stream", "seq", "topic", "key", "headers", "value"}``; the
    value is the message's text. Damaged or incomplete lines are skipped.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self._written = {(entry["stream"], entry["seq"]) for entry in read(directory)}

    def add(self, record: OutgoingRecord, reason: str, now_ms: int) -> None:
        """Append a record, durably; once, even if it is rejected again after a crash.

        Raises:
            OSError: it cannot be written.
        """
        identity = (record.stream, record.seq)
        if identity in self._written:
            return
        entry = {
            "time": now_ms,
            "reason": reason,
            "stream": record.stream,
            "seq": record.seq,
            "topic": record.topic,
            "key": record.key.decode("utf-8", "replace"),
            "headers": {name: value.decode("utf-8", "replace") for name, value in record.headers},
            "value": record.value.decode("utf-8", "replace"),
        }
        # A line break first, in case the file ends with an incomplete line.
        line = f"\n{json.dumps(entry, ensure_ascii=False)}\n"
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(fd).st_size
            try:
                data = line.encode("utf-8", "replace")
                while data:
                    data = data[os.write(fd, data) :]
            except OSError:
                os.ftruncate(fd, size)  # else each new attempt would use up more of the disk
                raise
            os.fsync(fd)
        finally:
            os.close(fd)
        self._written.add(identity)


def read(directory: Path) -> list[dict[str, object]]:
    """Return the dead letters of a spool."""
    entries = []
    try:
        text = (directory / NAME).read_text("utf-8", "replace")
    except FileNotFoundError:
        return []
    for line in text.split("\n"):  # not splitlines: values may hold U+2028
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and {"stream", "seq", "reason"} <= entry.keys():
            entries.append(entry)
    return entries
