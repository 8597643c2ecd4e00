"""Open journals, and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dubhe_sidecar.sinks.journal import JournalSink
from tests.dubhe_sdk.spool.helpers import KIB
from tests.dubhe_sidecar.helpers import each, record
from tests.support.journal import read_journal


def opened(
    directory: Path, state: dict[str, Any] | None = None, file_bytes: int = 64 * KIB
) -> JournalSink:
    sink = JournalSink(directory, file_bytes)
    sink.open(state, undelivered=True, save=lambda state: None)
    return sink


def deliver(sink: JournalSink, *seqs: int, stream: str = "writer-1") -> None:
    for seq in seqs:
        sink.send([record(seq, b'{"n":%d}' % seq, stream=stream)])
    outcomes = sink.collect(0)
    assert [outcome.record.seq for outcome in each(outcomes)] == list(seqs)
    assert all(outcome.rejected is None for outcome in outcomes)


def seqs(directory: Path) -> list[int]:
    return [int(message["headers"]["dubhe-seq"]) for message in read_journal(directory)]


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
