"""The embedded journal: where messages go when no brokers are set.

A folder of files ``<20-digit offset of the first message>.jsonl``, read by people and by the local
platform. Each line is one message::

    {"offset": 17, "topic": "alg_model_progress", "key": "<instance id>", "timestamp": <ms>,
     "headers": {"dubhe-writer": "…", "dubhe-seq": "4", "dubhe-batch": "3/29"}, "value": {…}}

A line without a line break at its end is still being written. Only the sidecar writes here. After a
crash it cuts off such a line and reads what follows the cursor's state, so that nothing is written
twice. Old files are deleted once all together exceed `KEEP_BYTES`. While the disk refuses, it waits
and reports that; what is handed over meanwhile is bounded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dubhe_sdk.spool.destination import JOURNAL, Destination
from dubhe_sidecar.disk_retry import DiskRetry
from dubhe_sidecar.record import HEADER_SEQ, HEADER_WRITER, OutgoingRecord
from dubhe_sidecar.sinks.base import (
    DeliveryOutcome,
    DeliveryWarning,
    OutageCode,
    OutageReason,
    SinkError,
)

FILE_BYTES = 64 * 1024 * 1024
KEEP_BYTES = 4 * 1024 * 1024 * 1024
_BUFFER_BYTES = 8 * 1024 * 1024  # handed over and not yet written; beyond this `send` waits


class JournalSink:
    """A sink that appends to the embedded journal.

    Args:
        directory: the journal's folder; created if it does not exist.
        file_bytes: size at which the next file is started.
    """

    def __init__(self, directory: Path, file_bytes: int = FILE_BYTES) -> None:
        self.name = f"journal {directory}"
        self.destination = Destination(JOURNAL)
        self.on_wait: Callable[[], None] = lambda: None
        self.delivered: Mapping[str, frozenset[int]] = {}
        self._directory = directory
        self._file_bytes = file_bytes
        self._fd = -1
        self._base = 0  # offset of the current file's first message
        self._size = 0
        self._next = 0  # offset of the next message
        self._lines: list[bytes] = []
        self._buffered = 0  # bytes in them
        self._records: list[OutgoingRecord] = []
        self._outcomes: list[DeliveryOutcome] = []
        self._note_collected()
        self._retry = DiskRetry(f"the journal {directory}", "delivery waits")

    def connect(self) -> None:
        """Do nothing: `open` waits for the disk."""

    def open(
        self,
        state: Mapping[str, Any] | None,
        *,
        undelivered: bool,
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        """Find the journal's end, and the records between the state and it.

        Raises:
            SinkError: the folder cannot be written.
        """

        def find_end() -> None:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._find_end(state or {"base": 0, "size": 0})

        try:
            self._retry.run(find_end, self.on_wait)
        except OSError as error:
            raise self._error(error) from None

    @property
    def outage(self) -> OutageReason | None:
        """What keeps it from writing."""
        error = self._retry.error
        return OutageReason(OutageCode.DISK, error) if error else None

    @property
    def warnings(self) -> Sequence[DeliveryWarning]:
        """None: a file has no settings."""
        return ()

    @property
    def retries(self) -> int:
        """Number of failed attempts to write."""
        return self._retry.retries

    def forget_delivered(self) -> None:
        """Nothing of `delivered` is needed any more."""
        self.delivered = {}

    def advance(self) -> bool:
        """Nobody else writes to the journal."""
        return False

    def may_resume(self) -> bool:
        """Nothing is ever deferred."""
        return False

    def resume(self) -> None:
        """Nothing is ever deferred."""

    def send(self, records: Sequence[OutgoingRecord]) -> None:
        """Hand over records; the next `collect` writes them, or this call if many are buffered.

        Raises:
            SinkError: the journal cannot be written, and waiting does not cure it.
        """
        for record in records:
            self._add(record)

    def _add(self, record: OutgoingRecord) -> None:
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
        line = b'%b, "value": %b}\n' % (head[:-1].encode("utf-8", "replace"), record.value)
        self._lines.append(line)
        self._buffered += len(line)
        self._records.append(record)
        if self._buffered > _BUFFER_BYTES:
            try:
                self._retry.run(self._write, self.on_wait)
            except OSError as error:
                raise self._error(error) from None

    def collect(self, timeout: float) -> Sequence[DeliveryOutcome]:
        """Write what was handed over, as far as the disk accepts it.

        Raises:
            SinkError: the journal cannot be written, and waiting does not cure it.
        """
        if self._records:
            try:
                self._retry.attempt(self._write, timeout)
            except OSError as error:
                raise self._error(error) from None
        outcomes, self._outcomes = self._outcomes, []
        self._note_collected()
        return outcomes

    @property
    def in_flight(self) -> int:
        """Records handed over whose outcome has not been collected."""
        return len(self._records) + len(self._outcomes)

    def state(self) -> dict[str, Any]:
        """Return where the journal ends; synced first, since the spool is deleted up to here.

        Raises:
            SinkError: the disk failed to store what it had accepted.
        """
        self._sync()
        return dict(self._collected)

    def close(self) -> None:
        """Close the file; what was handed over and is not written is abandoned."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._lines, self._records, self._outcomes, self._buffered = [], [], [], 0

    def _write(self) -> None:
        """Append the lines. Complete ones stay; one that was written in part is cut off again."""
        if os.fstat(self._fd).st_nlink == 0:
            raise SinkError(
                f"the journal {self._directory} was removed; the next start creates it again"
            )
        if self._size >= self._file_bytes:
            self._begin_file()
        data = b"".join(self._lines)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        finally:
            whole = size = 0
            while whole < len(self._lines) and size + len(self._lines[whole]) <= written:
                size += len(self._lines[whole])
                whole += 1
            if size < written:
                self._cut(self._size + size)
            self._size += size
            self._next += whole
            self._buffered -= size
            self._outcomes += [DeliveryOutcome([record], None) for record in self._records[:whole]]
            del self._lines[:whole], self._records[:whole]

    def _cut(self, size: int) -> None:
        try:
            os.ftruncate(self._fd, size)
        except OSError as error:
            raise self._error(error) from None

    def _note_collected(self) -> None:
        self._collected = {"base": self._base, "size": self._size}

    def _error(self, error: OSError) -> SinkError:
        return SinkError(f"the journal {self._directory} cannot be written: {error.strerror}")

    def _sync(self) -> None:
        """Sync what was written to the disk.

        A sync that failed once may succeed the next time without the bytes being there, so it is
        not tried again.
        """
        if self._fd >= 0:
            try:
                os.fsync(self._fd)
            except OSError as error:
                raise self._error(error) from None

    def _files(self) -> list[int]:
        return sorted(
            int(path.stem) for path in self._directory.glob("*.jsonl") if path.stem.isdigit()
        )

    def _path(self, base: int) -> Path:
        return self._directory / f"{base:020d}.jsonl"

    def _find_end(self, state: Mapping[str, Any]) -> None:
        bases = self._files() or [0]
        found: dict[str, set[int]] = {}
        self.close()
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
        self._note_collected()

    def _read_file(self, base: int, skip: int, found: dict[str, set[int]], *, last: bool) -> None:
        """Find the records in a file after ``skip`` bytes, and in the last file its end."""
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
                        continue  # somebody edited it; it cannot be recognised

    def _begin_file(self) -> None:
        self._sync()
        fd = os.open(
            self._path(self._next), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        os.close(self._fd)
        self._fd, self._base, self._size = fd, self._next, 0
        bases = self._files()
        total = 0
        for base in reversed(bases):
            total += self._path(base).stat().st_size
            if total > KEEP_BYTES and base != self._base:
                self._path(base).unlink(missing_ok=True)
