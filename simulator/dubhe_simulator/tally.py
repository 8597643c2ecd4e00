"""Counts what was received, and proves from the headers that nothing is missing or repeated.

Every record carries the name of the process that said it and a number that counts from 1 within
that process. So what was received is complete if each writer's numbers are 1 … n without a hole;
what a writer said after its last received message is not covered, which is why END is waited for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from dubhe_simulator.contract.message import HEADER_SEQ, HEADER_WRITER, Message

COLUMNS = ("READY", "START", "progress", "result", "END", "other")


class Tally:
    """Messages of one instance, counted."""

    def __init__(self) -> None:
        self.by_word: Counter[str] = Counter()
        self.unnumbered = 0  # without the headers: nothing can be proved about them
        self._seqs: dict[str, set[int]] = {}
        self._repeats = 0

    def add(self, messages: Iterable[Message]) -> None:
        """Count them."""
        for message in messages:
            self.by_word[message.word] += 1
            writer, seq = message.headers.get(HEADER_WRITER), message.headers.get(HEADER_SEQ, "")
            if writer is None or not seq.isdigit():
                self.unnumbered += 1
                continue
            seen = self._seqs.setdefault(writer, set())
            self._repeats += int(seq) in seen
            seen.add(int(seq))

    @property
    def received(self) -> int:
        """How many arrived."""
        return self.by_word.total()

    @property
    def gaps(self) -> int:
        """How many numbers are missing below each writer's highest."""
        return sum(max(seen) - len(seen) for seen in self._seqs.values())

    @property
    def repeats(self) -> int:
        """How many arrived that had arrived before."""
        return self._repeats

    @property
    def reported(self) -> int:
        """How many the algorithm said, according to the numbers."""
        return sum(max(seen) for seen in self._seqs.values()) + self.unnumbered

    @property
    def complete(self) -> bool:
        """Whether everything arrived, once."""
        return self.gaps == 0 and self.repeats == 0
