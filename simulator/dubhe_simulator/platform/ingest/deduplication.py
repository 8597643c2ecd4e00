"""Recognises records that arrived before, by the headers of the SDK that wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from dubhe_simulator.contract.message import HEADER_SEQ, HEADER_WRITER
from dubhe_simulator.platform.ingest.seqs import SeqSet
from dubhe_simulator.platform.storage.write_batch import Unsaved
from dubhe_simulator.sources.record import Record

KAFKA_SCOPE = "kafka"


class Repeats:
    """Not for several threads at once: the book's lock is around it.

    Args:
        rows: ``(scope, writer, spans)`` as the store has them.
    """

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        self._seen = {(scope, writer): SeqSet(json.loads(spans)) for scope, writer, spans in rows}
        self._dirty: set[tuple[str, str]] = set()

    def is_repeat(self, record: Record, instance: str) -> bool:
        """Return whether it arrived before, and remember it.

        A writer's name is unique, but only where it was written: a copied folder has it as well.
        """
        writer, seq = record.headers.get(HEADER_WRITER), record.headers.get(HEADER_SEQ, "")
        if not writer or not seq.isdecimal():
            return False
        place = KAFKA_SCOPE if record.partition is not None else record.source
        key = (f"{place} {instance}", writer)
        self._dirty.add(key)
        return not self._seen.setdefault(key, SeqSet()).add(int(seq))

    def collect(self, unsaved: Unsaved) -> None:
        """Add what has changed to what has to be stored."""
        for scope, writer in self._dirty:
            unsaved.seqs.append((scope, writer, json.dumps(self._seen[scope, writer].spans)))
        self._dirty = set()
