"""Finds a text in a log: how many lines have it, and which is the next one.

What was found in lines that can no longer change is kept, so that a growing log is searched once.
Upper and lower case are the same as far as ASCII goes.
"""

from __future__ import annotations

import contextlib
import json
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from typing import Any, BinaryIO
from weakref import WeakKeyDictionary

from dubhe_simulator.platform.managed.logs.formats import DEBUG, HEAD
from dubhe_simulator.platform.managed.logs.index import IndexedFile, LogFile

BLOCK = 4 * 1024 * 1024
KEPT = 4  # searches

Hits = array  # places of lines in a file, ascending
_Kept = WeakKeyDictionary[IndexedFile, tuple[int, int, "Hits[int]"]]
"""How often the file had been emptied, how many lines were looked at, and which have the text."""


class LogSearch:
    """Searches one log.

    Args:
        log: the log.
    """

    def __init__(self, log: LogFile) -> None:
        self._log = log
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def find(self, text: str, lowest: int, rank: int, *, backwards: bool) -> dict[str, Any]:
        """Look for a text from a line on; behind the last line the first one follows.

        Args:
            text: what must occur in a line as it is shown; not empty.
            lowest: the lowest level that counts, a place in `formats.LEVELS`.
            rank: where to begin, that line included.
            backwards: whether to look towards the beginning.

        Returns:
            ``count``, how many lines have it; ``rank`` of the one that was found, and ``index``,
            which of them it is, from 0; both None if there is none.
        """
        text = _lower(text)
        with self._log.reading() as files:
            kept = self._of(text)
            found: list[tuple[IndexedFile, int, Hits[int]]] = []
            for file, stream, first in self._log.ranks(files, lowest):
                with contextlib.suppress(OSError):
                    hits, levels = self._hits(file, stream, text, kept), file.levels
                    if lowest != DEBUG:
                        hits = array("I", (at for at in hits if levels[at] >= lowest))
                    found.append((file, first, hits))
            count = sum(len(hits) for _, _, hits in found)
            if not count:
                return {"count": 0, "rank": None, "index": None}
            index = 0
            for file, first, hits in found:
                # The line at the rank itself is among those before, if the way is backwards.
                place = file.place(rank - first + backwards, lowest)
                index += bisect_left(hits, place)
            index = (index - backwards) % count
            left = index
            for file, first, hits in found:
                if left < len(hits):
                    return {
                        "count": count,
                        "rank": first + file.rank(hits[left], lowest),
                        "index": index,
                    }
                left -= len(hits)
            raise AssertionError("it is one of them")

    def _of(self, text: str) -> _Kept:
        found = self._kept.setdefault(text, WeakKeyDictionary())
        self._kept.move_to_end(text)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def _hits(self, file: IndexedFile, stream: BinaryIO, text: str, kept: _Kept) -> Hits[int]:
        emptied, done, hits = kept.get(file, (0, 0, array("I")))
        # The last record of a log may go on, so the last line is looked at each time.
        closed = max(0, len(file.starts) - 1)
        if emptied != file.emptied:
            done, hits = 0, array("I")
        while done < closed:
            stop = bisect_right(file.starts, file.starts[done] + BLOCK, done, closed + 1) - 1
            if stop > done:
                hits.extend(self._scan(file, stream, text, done, stop))
            else:  # a progress bar of hours, as a rule: what is shown of it is little
                stop = done + 1
                if self._shows(self._log.read(file, stream, done), text):
                    hits.append(done)
            done = stop
        kept[file] = file.emptied, done, hits
        if file.starts and self._shows(self._log.read(file, stream, closed), text):
            return hits + array("I", [closed])
        return hits

    def _scan(
        self, file: IndexedFile, stream: BinaryIO, text: str, first: int, stop: int
    ) -> list[int]:
        """Return the places of lines from ``first`` to before ``stop`` that show a text."""
        starts = file.starts
        base = starts[first]
        stream.seek(base)
        raw = stream.read(starts[stop] - base)
        lowered = raw.lower()
        wanted = {text.encode("utf-8", "replace")}
        if b'{"time":' in lowered:
            wanted.add(b"\\u")  # a character may be written so
            wanted.add(json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "replace"))
        if b"\x1b" in lowered:
            wanted.add(b"\x1b")  # it may stand amidst the text
        # Where all of a line is seen, and as it stands there, a find is a hit.
        plain = len(wanted) == 1 and b"\r" not in raw
        places: set[int] = set()
        for needle in wanted:
            at = lowered.find(needle)
            while at >= 0:
                place = bisect_right(starts, base + at, first, stop) - 1
                begin, end = starts[place] - base, starts[place + 1] - base
                seen = plain and at >= begin + self._log.format.hidden(raw[begin : begin + HEAD])
                if seen or self._shows(raw[begin:end], text):
                    places.add(place)
                at = lowered.find(needle, end)
        return sorted(places)

    def _shows(self, raw: bytes, text: str) -> bool:
        return text in _lower(self._log.format.parse(raw)[1])


def _lower(text: str) -> str:
    """Return a text as `bytes.lower` has its UTF-8."""
    return text.encode("utf-8", "replace").lower().decode()
