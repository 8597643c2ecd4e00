"""Sidecars for tests: real processes, and a destination that lies in memory."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from dubhe_sdk.process.command import dubhe_command
from dubhe_sdk.spool.destination import Destination
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.writer import SpoolWriter
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar.dead_letters import DeadLetters
from dubhe_sidecar.record import OutgoingRecord, Position
from dubhe_sidecar.sinks.base import DeliveryOutcome, DeliveryWarning, OutageReason
from tests.dubhe_sdk.spool.helpers import DATE_MS, INSTANCE_ID, ROOT
from tests.support.environ import clean_environ
from tests.support.journal import read_journal


def record(
    seq: int,
    value: bytes = b'{"n":1}',
    *,
    stream: str = "writer-1",
    topic: str = "status",
    headers: tuple[tuple[str, bytes], ...] = (),
    kind: int = Kind.PROGRESS,
    end: Position | None = None,
) -> OutgoingRecord:
    at = end or Position(1, 100 * seq)
    return OutgoingRecord(
        stream, seq, topic, INSTANCE_ID.encode(), value, DATE_MS, headers, kind, at
    )


def reject(directory: Path, one: OutgoingRecord, reason: str) -> None:
    """Leave a dead letter behind, as a drain does."""
    DeadLetters(directory).add(one, reason, DATE_MS)
    cursor = cursors.load(directory)
    cursor.totals.rejected += 1
    cursor.save(directory)


def append_number(writer: SpoolWriter, number: int, kind: Kind = Kind.PROGRESS) -> None:
    assert writer.append(kind, b"%d" % number, DATE_MS)


class RecordOutcome(NamedTuple):
    """What became of one record."""

    record: OutgoingRecord
    rejected: str | None
    deferred: bool = False


def each(outcomes: Iterable[DeliveryOutcome]) -> list[RecordOutcome]:
    """Return outcomes record by record."""
    return [
        RecordOutcome(record, outcome.rejected, outcome.deferred)
        for outcome in outcomes
        for record in outcome.records
    ]


class _Sent(NamedTuple):
    """A record that a `FakeSink` has taken."""

    run: int
    """Number of the call that brought it."""
    record: OutgoingRecord
    rejected: str | None
    deferred: bool
    size: int
    """How many records the destination has behind it."""


class Topic:
    """A destination that outlives the sinks which deliver to it."""

    def __init__(self) -> None:
        self.records: list[OutgoingRecord] = []
        self.missing: set[str] = set()
        """Names of topics that do not exist at present."""

    @property
    def identities(self) -> list[tuple[str, int]]:
        return [(one.stream, one.seq) for one in self.records]

    @property
    def values(self) -> list[bytes]:
        return [one.value for one in self.records]


class FakeSink:
    """Delivers at once when a record is handed over, and shows the outcomes in small portions.

    ``step`` is called before and after everything that has an effect.
    """

    name = "fake topic"
    destination = Destination("fake")
    on_wait: Callable[[], None] = staticmethod(lambda: None)
    outage: OutageReason | None = None
    retries = 0
    warnings: Sequence[DeliveryWarning] = ()

    def __init__(
        self,
        topic: Topic,
        *,
        portion: int = 3,
        rejects: Callable[[OutgoingRecord], str | None] = lambda one: None,
        step: Callable[[], None] = lambda: None,
    ) -> None:
        self.delivered: Mapping[str, frozenset[int]] = {}
        self.topic = topic
        self.opened_with: tuple[Any, bool] | None = None
        self.closed = False
        self._portion = portion
        self._rejects = rejects
        self._step = step
        self._offset = 0
        self._deferred: set[str] = set()
        self._behind: dict[str, int] = {}  # per deferred topic, where it has to be looked at from
        self._runs = 0
        self._waiting: list[_Sent] = []

    def connect(self) -> None:
        pass

    def open(
        self,
        state: Mapping[str, Any] | None,
        *,
        undelivered: bool,
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        self.opened_with = (state, undelivered)
        self._offset = state["offset"] if state else 0
        self._behind = dict(state.get("behind", {})) if state else {}
        for topic in self.topic.missing:  # what is in it cannot be found now
            self._defer(topic)
        self.delivered = {}
        if undelivered:
            self._find({one.topic for one in self.topic.records} - self._deferred)

    def _defer(self, topic: str) -> None:
        self._deferred.add(topic)
        self._behind.setdefault(topic, self._offset)

    def _find(self, topics: set[str]) -> None:
        found = {stream: set(seqs) for stream, seqs in self.delivered.items()}
        for index, one in enumerate(self.topic.records):
            if one.topic in topics and index >= self._behind.get(one.topic, self._offset):
                found.setdefault(one.stream, set()).add(one.seq)
        self.delivered = {stream: frozenset(seqs) for stream, seqs in found.items()}

    def may_resume(self) -> bool:
        return bool(self._deferred - self.topic.missing)

    def resume(self) -> None:
        self._step()
        self._find(self._deferred - self.topic.missing)
        self._deferred &= self.topic.missing

    def forget_delivered(self) -> None:
        self.delivered = {}
        self._behind = {topic: at for topic, at in self._behind.items() if topic in self._deferred}

    def advance(self) -> bool:
        return False

    def send(self, records: Sequence[OutgoingRecord]) -> None:
        for record in records:
            self._step()
            if record.topic in self.topic.missing:
                self._defer(record.topic)
            deferred = record.topic in self._deferred
            reason = None if deferred else self._rejects(record)
            if reason is None and not deferred:
                self.topic.records.append(record)
            size = len(self.topic.records)
            self._waiting.append(_Sent(self._runs, record, reason, deferred, size))
            self._step()
        self._runs += 1

    def collect(self, timeout: float) -> Sequence[DeliveryOutcome]:
        self._step()
        told, self._waiting = self._waiting[: self._portion], self._waiting[self._portion :]
        if told:
            self._offset = told[-1].size
        self._step()
        return [
            DeliveryOutcome([one.record for one in group], reason, deferred)
            for (_, reason, deferred), group in groupby(
                told, key=lambda one: (one.run, one.rejected, one.deferred)
            )
        ]

    @property
    def in_flight(self) -> int:
        return len(self._waiting)

    def state(self) -> dict[str, Any]:
        self._step()
        return {"offset": self._offset, **({"behind": dict(self._behind)} if self._behind else {})}

    def close(self) -> None:
        self.closed = True


class SidecarHarness:
    """A folder with a spool and a journal, and the sidecars that run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.journal = folder / "journal"
        self.log = folder / "sidecar.log"
        self.spool.mkdir()
        self.processes: list[subprocess.Popen[bytes]] = []

    def environ(self, **more: str) -> dict[str, str]:
        return clean_environ(
            DUBHE_TEMPORARY=str(self.folder), DUBHE_SPOOL_DIR=str(self.spool), **more
        )

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        namespace: Sequence[str] = (),
        command: Sequence[str] | None = None,
        **popen: Any,
    ) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*namespace, *(command or (*dubhe_command(), "sidecar")), *arguments],
                env=self.environ(**(env or {})),
                stderr=log,
                **popen,
            )
        self.processes.append(process)
        return process

    def drain(self) -> None:
        """Have everything delivered by a sidecar that ends by itself."""
        assert self.start("--drain").wait(60) == 0, self.log_text

    def stop(self) -> None:
        """Have the running sidecars deliver the rest and end."""
        for process in self.processes:
            process.terminate()
        assert {process.wait(60) for process in self.processes} == {0}, self.log_text

    @property
    def log_text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def messages(self) -> list[dict[str, Any]]:
        return read_journal(self.journal)

    @property
    def values(self) -> list[Any]:
        return [message["value"] for message in self.messages]

    def dubhe(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*dubhe_command(), *arguments],
            env=self.environ(**env),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def child_process(*arguments: object, **popen: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a function of `tests.dubhe_sidecar.child`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.dubhe_sidecar.child", *map(str, arguments)],
        cwd=ROOT,
        env=clean_environ(),
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **popen},
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()
