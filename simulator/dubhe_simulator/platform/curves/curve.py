"""A run's metric: a small summary that is always in memory, and its points, which may not be.

Points are stored in chunks of `CHUNK`, in the order of arrival. Only the chunk under way, and
what the database has not confirmed yet, has to be in memory; the rest is read when somebody looks.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dubhe_simulator.platform.curves.series import Series, number_or_name

CHUNK = 512
_HEAD = struct.Struct("<I")


@dataclass
class PointColumns:
    """Points in the order of arrival, NaN and infinity among them."""

    epoch: array[float] = field(default_factory=lambda: array("d"))
    time: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.value)

    def append(self, epoch: float, time: int, value: float) -> None:
        """Append a point."""
        self.epoch.append(epoch)
        self.time.append(time)
        self.value.append(value)

    def pack(self, start: int, stop: int) -> bytes:
        """Return points as bytes in this machine's order."""
        parts = (self.epoch[start:stop], self.time[start:stop], self.value[start:stop])
        return _HEAD.pack(len(parts[0])) + b"".join(part.tobytes() for part in parts)

    def unpack(self, blob: bytes) -> None:
        """Append what `pack` made."""
        (count,) = _HEAD.unpack_from(blob)
        size = 8 * count
        parts = [blob[at : at + size] for at in range(_HEAD.size, _HEAD.size + 3 * size, size or 1)]
        for column, part in zip(("epoch", "time", "value"), parts, strict=False):
            getattr(self, column).frombytes(part)

    def drop(self, count: int) -> None:
        """Forget the first points."""
        del self.epoch[:count], self.time[:count], self.value[:count]


@dataclass
class Curve:
    """One metric of one run.

    Attributes:
        id: its number in the database.
        run: the run's number.
        name: the metric's name.
        points: how many there are, NaN and infinity included.
        last: the latest value.
        low: the lowest finite value; None while there is none.
        high: the highest finite value; likewise.
        saved: how many full chunks the database holds.
        pending: the points behind those.
        series: all points, if they are in memory.
    """

    id: int
    run: int
    name: str
    points: int = 0
    last: float = 0.0
    low: float | None = None
    high: float | None = None
    saved: int = 0
    pending: PointColumns = field(default_factory=PointColumns)
    series: Series | None = None

    def append(self, epoch: float, time: int, value: float) -> None:
        """Append a point."""
        if self.series is not None:
            self.series.append(self.points, epoch, time, value)
        self.pending.append(epoch, time, value)
        self.points += 1
        self.last = value
        if math.isfinite(value):
            self.low = value if self.low is None else min(self.low, value)
            self.high = value if self.high is None else max(self.high, value)

    def pending_rows(self) -> list[tuple[int, int, bytes]]:
        """Return the rows ``(curve, number, blob)`` to store; the last may be a partial chunk."""
        return [
            (self.id, self.saved + start // CHUNK, self.pending.pack(start, start + CHUNK))
            for start in range(0, len(self.pending), CHUNK)
        ]

    def confirm(self, points: int) -> None:
        """The database holds the first ``points`` points: forget the full chunks among them."""
        full = points // CHUNK - self.saved
        self.pending.drop(full * CHUNK)
        self.saved += full

    def load(self, blobs: Iterable[bytes]) -> Series:
        """Bring all points into memory.

        Args:
            blobs: the database's first `saved` chunks, in order.
        """
        if self.series is None:
            columns = PointColumns()
            for blob in blobs:
                columns.unpack(blob)
            stored = len(columns)
            series = Series()
            series.extend(0, columns.epoch, columns.time, columns.value)
            series.extend(stored, self.pending.epoch, self.pending.time, self.pending.value)
            self.series = series
        return self.series

    def view(self) -> dict[str, Any]:
        """Return it as the page knows it."""
        last = number_or_name(self.last) if self.points else None
        return {
            "name": self.name,
            "points": self.points,
            "last": last,
            "low": self.low,
            "high": self.high,
        }
