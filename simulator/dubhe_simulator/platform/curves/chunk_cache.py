"""The chunks that were read last, of all curves together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

from dubhe_simulator.platform.curves.points import CHUNK_BYTES

Key = tuple[int, str]  # the curve's number, and the kind of its points

MOST = 1024  # chunks, of 16 KiB each
AHEAD = 16  # are read with the one that is wanted: neighbours, as a rule, are wanted next


class ChunkReader(Protocol):
    """Reads the database."""

    def chunks(self, curve: int, kind: str, first: int, count: int) -> list[tuple[int, bytes]]:
        """Return neighbouring chunks with their numbers, as far as they exist."""

    def overviews(self, curve: int, kind: str, count: int) -> Iterable[bytes]:
        """Return the overviews of the first chunks, in order."""


class ChunkCache:
    """Keeps at most `MOST` chunks.

    Args:
        reader: reads what is not here.
    """

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self._chunks: OrderedDict[tuple[int, str, int], bytes] = OrderedDict()

    def of(self, curve: int, kind: str) -> CachedChunks:
        """Return what one set of points reads by."""
        return CachedChunks(self, curve, kind)

    def read(self, curve: int, kind: str, number: int) -> bytes:
        """Return a chunk past the cache, empty if it was deleted; from any thread."""
        found = self._reader.chunks(curve, kind, number, 1)
        return found[0][1] if found else b""

    def get(self, curve: int, kind: str, number: int) -> bytes:
        """Return a chunk that is full, and so never changes."""
        key = curve, kind, number
        found = self._chunks.get(key)
        if found is None:
            for near, blob in self._reader.chunks(curve, kind, number, AHEAD):
                if len(blob) == CHUNK_BYTES:  # the last one may still grow
                    self._chunks[curve, kind, near] = blob
            found = self._chunks.get(key, b"")  # empty if it was deleted
            while len(self._chunks) > MOST:
                self._chunks.popitem(last=False)
        else:
            self._chunks.move_to_end(key)
        return found

    def overviews(self, curve: int, kind: str, count: int) -> Iterable[bytes]:
        """Return the overviews of the first chunks, in order; they are not kept here."""
        return self._reader.overviews(curve, kind, count)


class CachedChunks:
    """One set of points in the cache.

    Args:
        cache: of all curves.
        curve: the curve's number.
        kind: the kind of its points.
    """

    def __init__(self, cache: ChunkCache, curve: int, kind: str) -> None:
        self._cache = cache
        self._of = curve, kind

    def points(self, number: int) -> bytes:
        """Return a chunk."""
        return self._cache.get(*self._of, number)

    def read(self, number: int) -> bytes:
        """Return a chunk past the cache; from any thread."""
        return self._cache.read(*self._of, number)

    def overviews(self, count: int) -> Iterable[bytes]:
        """Return the overviews of the first chunks, in order."""
        return self._cache.overviews(*self._of, count)
