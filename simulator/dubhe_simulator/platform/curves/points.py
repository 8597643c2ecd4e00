"""Points in the order of arrival, most of them in the database.

They are stored in chunks of `CHUNK`. Only the chunk under way, and what the database has not
confirmed yet, has to be in memory. Once somebody looks, so is an overview: of each block of `BLOCK`
points where it begins on each axis, and its lowest and highest value. That is a thirtieth of the
points, and enough to find in which few chunks the rest of an answer lies.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Protocol, get_args, overload

CHUNK = 512
BLOCK = 32
WIDTH = 8  # bytes of a number

Axis = Literal["step", "epoch", "time"]
AXES: tuple[Axis, ...] = get_args(Axis)
_CODES = {"step": "q", "epoch": "d", "time": "q", "value": "d"}
CHUNK_BYTES = CHUNK * WIDTH * len(_CODES)
_PLACES = {name: place for place, name in enumerate(_CODES)}
_OVERVIEW = {"step": "q", "epoch": "d", "time": "q", "low": "d", "high": "d"}

Point = tuple[int, float, int, float]  # step, epoch, time in ms since 1970, value
Row = tuple[int, bytes, bytes | None]


class Chunks(Protocol):
    """What the database holds of one set of points."""

    def points(self, number: int) -> bytes:
        """Return a full chunk."""

    def read(self, number: int) -> bytes:
        """Return a chunk without keeping it at hand; from any thread."""

    def overviews(self, count: int) -> Iterable[bytes]:
        """Return the overviews of the first chunks, in order."""


class _Columns(dict[str, "array[Any]"]):
    """Numbers side by side, by name; as bytes one column follows the other."""

    def __init__(self, codes: dict[str, str]) -> None:
        super().__init__((name, array(code)) for name, code in codes.items())

    def pack(self, start: int, stop: int) -> bytes:
        return b"".join(column[start:stop].tobytes() for column in self.values())

    def unpack(self, blob: bytes) -> None:
        size = len(blob) // len(self)
        for place, column in enumerate(self.values()):
            column.frombytes(blob[place * size : (place + 1) * size])

    def drop(self, count: int) -> None:
        for column in self.values():
            del column[:count]


class StoredColumn:
    """One column of a `PointSet`, read as an array is."""

    def __init__(self, points: PointSet, name: str) -> None:
        self._points = points
        self._name = name
        self.code = _CODES[name]
        self._place = _PLACES[name]

    def __len__(self) -> int:
        return self._points.count

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> array[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return a number, or an array of neighbours."""
        if isinstance(index, int):
            at = index if index >= 0 else index + len(self)
            return self.part(at, at + 1)[0]
        start, stop, _ = index.indices(len(self))
        return self.part(start, stop)

    def part(self, start: int, stop: int) -> array[Any]:
        """Return the numbers ``start`` … ``stop - 1``."""
        found = array(self.code)
        points = self._points
        stored = min(stop, points.saved * CHUNK)
        while start < stored:
            number, at = divmod(start, CHUNK)
            end = min(CHUNK, at + stored - start)
            begin = self._place * CHUNK * WIDTH
            blob = points.chunks.points(number)
            found.frombytes(blob[begin + at * WIDTH : begin + end * WIDTH])
            start += end - at
        if start < stop:
            first = points.saved * CHUNK
            found += points.pending[self._name][start - first : stop - first]
        return found

    def index(self, value: float, start: int, stop: int) -> int:
        """Return where a value is, between two places."""
        return start + self.part(start, stop).index(value)

    def bisect(self, value: float, side: Callable[..., int]) -> int:
        """Return where a value belongs in a column that ascends: ``side`` as in `bisect`."""
        firsts = self._points.overview()[self._name]
        block = side(firsts, value) - 1
        if block < 0 and firsts:
            return 0
        start = max(0, block) * BLOCK
        stop = start + BLOCK if block + 1 < len(firsts) else len(self)
        return start + side(self.part(start, stop), value)


class PointSet:
    """Points in the order of arrival.

    Args:
        chunks: what the database holds of them.
        count: how many there are.
        descends: on which axes a point came that lies before its predecessor.
        tail: the partial chunk in the database, if there is one.

    Attributes:
        saved: how many full chunks the database holds.
        pending: the points behind those.
    """

    def __init__(
        self, chunks: Chunks, count: int = 0, descends: Iterable[str] = (), tail: bytes = b""
    ) -> None:
        self.chunks = chunks
        self.count = count
        self.saved = count // CHUNK
        self.descends = set(descends)
        self.pending = _Columns(_CODES)
        self.pending.unpack(tail)
        self._overview: _Columns | None = None
        self._last: tuple[float, float] | None = None  # epoch and time, once a point was appended
        self.columns = {name: StoredColumn(self, name) for name in _CODES}

    def __len__(self) -> int:
        return self.count

    def append(self, step: int, epoch: float, time: int, value: float) -> None:
        """Append a point."""
        last_epoch, last_time = self._last or self._read_last()
        if epoch < last_epoch:
            self.descends.add("epoch")
        if time < last_time:
            self.descends.add("time")
        self._last = epoch, time
        pending = self.pending
        pending["step"].append(step)
        pending["epoch"].append(epoch)
        pending["time"].append(time)
        pending["value"].append(value)
        self.count += 1

    def _read_last(self) -> tuple[float, float]:
        if not self.count:
            return -math.inf, -math.inf
        return self.columns["epoch"][-1], self.columns["time"][-1]

    def rows(self) -> list[Row]:
        """Return what to store: number, points, and the overview of a full chunk."""
        found: list[Row] = []
        for start in range(0, len(self.pending["step"]), CHUNK):
            stop = start + CHUNK
            blob = self.pending.pack(start, stop)
            full = len(blob) == CHUNK_BYTES
            overview = _overview_of(self.pending, start, stop).pack(0, CHUNK) if full else None
            found.append((self.saved + start // CHUNK, blob, overview))
        return found

    def confirm(self, count: int) -> None:
        """The database holds the first ``count`` points: forget the full chunks among them."""
        full = count // CHUNK - self.saved
        if full > 0:
            if self._overview is not None:
                self.overview()  # while they are in memory
            self.pending.drop(full * CHUNK)
            self.saved += full

    def overview(self) -> dict[str, array[Any]]:
        """Return of each full block the x of its first point on each axis, low and high."""
        found = self._overview
        if found is None:
            found = self._overview = _Columns(_OVERVIEW)
            for blob in self.chunks.overviews(self.saved):
                found.unpack(blob)
        first = self.saved * CHUNK
        start, stop = len(found["low"]) * BLOCK, self.count // BLOCK * BLOCK
        if start < stop:
            more = _overview_of(self.pending, start - first, stop - first)
            for name, column in found.items():
                column.extend(more[name])
        return found

    def forget(self) -> None:
        """Let the overview go."""
        self._overview = None

    def every(self) -> Iterator[Point]:
        """Yield all points as of now; to be read at leisure, chunk by chunk."""
        rest = list(zip(*(self.pending[name][:] for name in _CODES), strict=True))
        return self._every(self.saved, rest)

    def _every(self, saved: int, rest: list[Point]) -> Iterator[Point]:
        # Another thread may append meanwhile: nothing here looks at what changes.
        for number in range(saved):
            columns = _Columns(_CODES)
            columns.unpack(self.chunks.read(number))
            yield from zip(*columns.values(), strict=True)
        yield from rest


def _overview_of(points: _Columns, start: int, stop: int) -> _Columns:
    found = _Columns(_OVERVIEW)
    values = points["value"]
    for axis in AXES:
        found[axis].extend(points[axis][start:stop:BLOCK])
    for at in range(start, stop, BLOCK):
        block = values[at : at + BLOCK]
        found["low"].append(min(block))
        found["high"].append(max(block))
    return found


def left(x: StoredColumn | array[Any], value: float) -> int:
    """Return `bisect.bisect_left` of numbers that ascend."""
    return x.bisect(value, bisect_left) if isinstance(x, StoredColumn) else bisect_left(x, value)


def right(x: StoredColumn | array[Any], value: float) -> int:
    """Return `bisect.bisect_right` of numbers that ascend."""
    return x.bisect(value, bisect_right) if isinstance(x, StoredColumn) else bisect_right(x, value)
