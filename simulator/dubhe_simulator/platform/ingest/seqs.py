"""Numbers that were seen, as spans: a writer's numbers are dense, so this stays small."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence


class SeqSet:
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
