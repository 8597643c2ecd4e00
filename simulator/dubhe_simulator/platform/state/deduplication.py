"""Recognises records that arrived before, by the headers of the SDK that wrote them."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from dubhe_simulator.contract.json_safe import DIGITS
from dubhe_simulator.contract.message import HEADER_SEQ, HEADER_WRITER
from dubhe_simulator.platform.storage.write_batch import WriteBatch
from dubhe_simulator.sources.record import SourceRecord

KAFKA = "kafka"  # one place, however many partitions


class Deduplicator:
    """Not for several threads at once: the registry's lock is around it.

    A writer's name is unique, but only where it was written: a copied folder has it as well.

    Args:
        rows: ``(instance, place, writer, spans)`` as the database has them.
    """

    def __init__(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        self._seen: dict[str, dict[tuple[str, str], IntervalSet]] = {}
        for instance, place, writer, spans in rows:
            of_instance = self._seen.setdefault(instance, {})
            of_instance[place, writer] = IntervalSet(json.loads(spans))
        self._dirty: set[tuple[str, str, str]] = set()

    def is_duplicate(self, incoming: SourceRecord, instance: str) -> bool | None:
        """Return whether it arrived before, and remember it; None if it carries no number."""
        writer, seq = incoming.headers.get(HEADER_WRITER), incoming.headers.get(HEADER_SEQ, "")
        if not writer or not seq.isdecimal() or len(seq) > DIGITS:
            return None
        place = KAFKA if incoming.partition is not None else incoming.source
        self._dirty.add((instance, place, writer))
        of_instance = self._seen.setdefault(instance, {})
        return not of_instance.setdefault((place, writer), IntervalSet()).add(int(seq))

    def numbered(self, instance: str) -> tuple[int, int]:
        """Return how many numbered messages an instance reported, and how many are missing.

        Each writer counts from 1, so its highest number is how many it reported.
        """
        sets = self._seen.get(instance, {}).values()
        return sum(s.highest for s in sets), sum(s.highest - len(s) for s in sets)

    def collect(self, writes: WriteBatch) -> None:
        """Add what has changed to what has to be stored."""
        for instance, place, writer in self._dirty:
            spans = json.dumps(self._seen[instance][place, writer].spans)
            writes.intervals.append((instance, place, writer, spans))
        self._dirty = set()


class IntervalSet:
    """A set of whole numbers.

    Args:
        spans: ``[first, last]`` pairs, sorted and apart from each other, as `spans` gives them.
    """

    def __init__(self, spans: Iterable[Sequence[int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in spans:
            self._firsts.append(first)
            self._lasts.append(last)

    @property
    def spans(self) -> list[list[int]]:
        """The numbers, as ``[first, last]`` pairs."""
        return [list(pair) for pair in zip(self._firsts, self._lasts, strict=True)]

    @property
    def highest(self) -> int:
        """The highest number; 0 without one."""
        return self._lasts[-1] if self._lasts else 0

    def __len__(self) -> int:
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def add(self, number: int) -> bool:
        """Add a number; return whether it was new."""
        firsts, lasts = self._firsts, self._lasts
        at = bisect_right(firsts, number) - 1  # the span that begins at or before it
        if at >= 0 and number <= lasts[at]:
            return False
        joins_left = at >= 0 and lasts[at] == number - 1
        joins_right = at + 1 < len(firsts) and firsts[at + 1] == number + 1
        if joins_left and joins_right:
            lasts[at] = lasts.pop(at + 1)
            del firsts[at + 1]
        elif joins_left:
            lasts[at] = number
        elif joins_right:
            firsts[at + 1] = number
        else:
            firsts.insert(at + 1, number)
            lasts.insert(at + 1, number)
        return True
