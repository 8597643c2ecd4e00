"""The embedded journal: where messages go when no brokers are named.

A folder of files ``<20-digit offset of the first message>.jsonl``, read by people and by the local
platform. A line is one message::

    {"offset": 17, "topic": "alg_model_progress", "key": "<instance id>", "timestamp": <ms>,
     "headers": {"dubhe-writer": "…", "dubhe-seq": "4", "dubhe-batch": "3/29"}, "value": {…}}

A line without a line break at its end is still being written. Only the sidecar writes here. After
a crash it cuts off such a line and reads what lies behind the cursor's state, so that nothing is
written twice. Old files are deleted once all together exceed `KEEP_BYTES`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dubhe_sidecar.record import HEADER_SEQ, HEADER_WRITER, Record
from dubhe_sidecar.sinks.base import Outcome, SinkError

FILE_BYTES = 64 * 1024 * 1024
KEEP_BYTES = 4 * 1024 * 1024 * 1024


class JournalSink:
    """A sink that appends to the embedded journal.

    Args:
        directory: the journal's folder; made if it does not exist.
        file_bytes: size at which the next file is begun.
    """

    last_error: str | None = None
    retries = 0

    def __init__(self, directory: Path, file_bytes: int = FILE_BYTES) -> None:
        self.name = f"journal {directory}"
        self.delivered: Mapping[str, frozenset[int]] = {}
        self._directory = directory
        self._file_bytes = file_bytes
        self._fd = -1
        self._base = 0  # offset of the current file's first message
        self._size = 0
        self._next = 0  # offset of the next message
        self._lines: list[bytes] = []
        self._records: list[Record] = []

    def open(
        self,
        state: Mapping[str, Any] | None,
        *,
        undelivered: bool,
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        """Find the journal's end, and what lies between the state and it.

        Raises:
            SinkError: the folder cannot be written.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._find_end(state or {"base": 0, "size": 0})
        except OSError as error:
            raise SinkError(
                f"the journal {self._directory} cannot be written: {error.strerror}"
            ) from None

    def send(self, record: Record) -> None:
        """Hand over one record; it is written by the next `collect`."""
        headers = {HEADER_WRITER: record.stream, HEADER_SEQ: str(record.seq)}
        headers.update((name, value.decode()) for name, value in record.headers)
        head = json.dumps(
            {
                "offset": self._next + len(self._lines),
                "topic": record.topic,
                "key": record.key.decode("utf-8", "replace"),
                "timestamp": record.date_ms,
                "headers": headers,
            },
            ensure_ascii=False,
        )
        # The value is JSON without line breaks already, and is taken as it is.
        self._lines.append(
            b'%b, "value": %b}\n' % (head[:-1].encode("utf-8", "replace"), record.value)
        )
        self._records.append(record)

    def collect(self, timeout: float) -> Sequence[Outcome]:
        """Write what was handed over.

        Raises:
            SinkError: the disk does not take it.
        """
        if not self._records:
            return ()
        data = b"".join(self._lines)
        try:
            if self._size >= self._file_bytes:
                self._begin_file()
            written = os.write(self._fd, data)
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as error:
            raise SinkError(
                f"the journal {self._directory} cannot be written: {error.strerror}"
            ) from None
        self._size += len(data)
        self._next += len(self._lines)
        outcomes = [Outcome(record, None) for record in self._records]
        self._lines, self._records = [], []
        return outcomes

    @property
    def in_flight(self) -> int:
        """Records handed over and not yet written."""
        return len(self._records)

    def state(self) -> dict[str, Any]:
        """Return where the journal ends; synced first, since the spool is deleted up to here."""
        if self._fd >= 0:
            os.fsync(self._fd)
        return {"base": self._base, "size": self._size}

    def interrupt(self) -> None:
        """Nothing here waits."""

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _files(self) -> list[int]:
        return sorted(
            int(path.stem) for path in self._directory.glob("*.jsonl") if path.stem.isdigit()
        )

    def _path(self, base: int) -> Path:
        return self._directory / f"{base:020d}.jsonl"

    def _find_end(self, state: Mapping[str, Any]) -> None:
        bases = self._files() or [0]
        found: dict[str, set[int]] = {}
        self._base = bases[-1]
        self._next = self._base
        self._size = 0
        for base in bases:
            if base >= state["base"] or base == self._base:
                skip = state["size"] if base == state["base"] else 0
                self._read_file(base, skip, found, last=base == bases[-1])
        self.delivered = {stream: frozenset(seqs) for stream, seqs in found.items()}
        self._fd = os.open(
            self._path(self._base), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        os.ftruncate(self._fd, self._size)

    def _read_file(self, base: int, skip: int, found: dict[str, set[int]], *, last: bool) -> None:
        """Learn what lies in a file behind ``skip`` bytes, and in the last one where it ends."""
        path = self._path(base)
        if not path.exists():
            return
        position = 0
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                position += len(line)
                if last:
                    self._next += 1
                    self._size = position
                if position > skip:
                    try:
                        headers = json.loads(line)["headers"]
                        found.setdefault(headers[HEADER_WRITER], set()).add(
                            int(headers[HEADER_SEQ])
                        )
                    except (ValueError, KeyError, TypeError):
                        continue  # somebody edited it; it is not one of ours to recognise

    def _begin_file(self) -> None:
        os.fsync(self._fd)
        os.close(self._fd)
        self._base = self._next
        self._size = 0
        self._fd = os.open(
            self._path(self._base), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        bases = self._files()
        total = 0
        for base in reversed(bases):
            total += self._path(base).stat().st_size
            if total > KEEP_BYTES and base != self._base:
                self._path(base).unlink(missing_ok=True)
