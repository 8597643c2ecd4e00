"""`SpoolReader`: all streams of a spool as one sequence of frames, ordered by time.

Problem
    START, the progress of eight ranks, and END are reported by different processes, hence lie in
    different streams. A consumer must see them in that order.

Mechanism
    Take ``cut = now``; then list the streams and read each to its end; then give out only frames
    older than the cut, sorted by time.

Safety
    Let frame A have been written before frame B was begun, in whatever processes. Then
    time(A) < time(B). If B is given out, time(B) < cut, so A was in its file before the cut was
    taken, therefore before the list: A was read in this pass or before, and sorts before B.
    Frames that were written at the same time may come in either order.

    A stream of which more is waiting than was read sets a horizon: nothing later than what was
    read of it is given out.

CLOCK_MONOTONIC only compares within one boot of the host. Streams of earlier boots, found on a
volume, have dead writers; they are given out first, boot by boot.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from time import monotonic_ns
from typing import NamedTuple

from dubhe_sdk.spool import segment
from dubhe_sdk.spool.frame import Frame
from dubhe_sdk.spool.reader import StreamReader


class SpooledFrame(NamedTuple):
    """A frame, and where it came from."""

    stream: str
    number: int
    frame: Frame
    description: segment.Description


class FrameRun(NamedTuple):
    """Frames of one stream that follow each other there and in time; at least one."""

    stream: str
    number: int
    frames: list[Frame]
    description: segment.Description

    def spooled(self) -> Iterator[SpooledFrame]:
        """Return the frames one by one."""
        for frame in self.frames:
            yield SpooledFrame(self.stream, self.number, frame, self.description)


class _ReadFailure(NamedTuple):
    """A stream that could not be read: when it may be tried again, and the pause until then."""

    again_ns: float
    pause_ns: int


_FIRST_PAUSE_NS = 1_000_000_000
_LONGEST_PAUSE_NS = 60_000_000_000
_FOREVER = float("inf")


class _StreamState:
    """One stream's reader and what was read of it but not yet given out."""

    def __init__(self, reader: StreamReader) -> None:
        self.reader = reader
        self.pending: list[Frame] = []
        self.read_to_end = True

    def fill(self) -> None:
        if not self.pending:
            self.pending = self.reader.read()
            self.read_to_end = not self.pending

    def take(self, horizon: int | None) -> list[Frame]:
        """Remove and return what is older than ``horizon``: a writer's times ascend."""
        pending = self.pending
        if horizon is None or pending[-1].time_ns < horizon:
            self.pending = []
            return pending
        count = bisect_left(pending, horizon, key=_time)
        self.pending = pending[count:]
        return pending[:count]

    def run(self, frames: list[Frame]) -> FrameRun:
        """Return frames that were taken, all of the last `fill`."""
        reader = self.reader
        return FrameRun(reader.stream, reader.number, frames, reader.description)


_time = attrgetter("time_ns")


class SpoolReader:
    """Reads a whole spool.

    Args:
        directory: the spool's directory.
        positions: per stream, segment and offset to begin at; other streams begin at their
            first segment. Segments before a position are ignored.
        last_seqs: per stream, number of the last frame that was given out before.
        on_damage: called with a sentence about files that cannot be read.
        ignore: whether a stream is to be left alone.
        accept: whether a stream of that name and description is to be read. It is asked at every
            `read` until it is, since what that depends on may change.
    """

    def __init__(
        self,
        directory: Path,
        positions: Mapping[str, tuple[int, int]],
        on_damage: Callable[[str], None],
        ignore: Callable[[str], bool] = lambda stream: False,
        last_seqs: Mapping[str, int] | None = None,
        accept: Callable[[str, segment.Description], bool] = lambda stream, description: True,
    ) -> None:
        self._directory = directory
        self._positions = dict(positions)
        self._on_damage = on_damage
        self._ignore = ignore
        self._accept = accept
        self._refused: dict[str, segment.Description] = {}
        self._streams: dict[str, _StreamState] = {}
        self._last_seqs = dict(last_seqs or {})
        self._failures: dict[str, _ReadFailure] = {}
        self._ended: set[str] = set()
        for name in segment.list_foreign(directory):
            on_damage(
                f"{directory / name} is named like a segment of the spool but is not a file: "
                "it is left alone; move it out of the spool"
            )

    def read(self) -> list[SpooledFrame]:
        """Return the frames that may be given out now, in order; an empty list if none."""
        return [spooled for run in self.read_runs() for spooled in run.spooled()]

    def read_runs(self) -> list[FrameRun]:
        """Return what `read` does, by stream as long as no other has a frame between."""
        cut = monotonic_ns()
        self._find_streams()
        by_boot: dict[str, list[_StreamState]] = {}
        for stream in self._streams.values():
            self._fill(stream)
            if stream.pending or not stream.reader.ended:
                by_boot.setdefault(stream.reader.description.boot_id, []).append(stream)
        if not by_boot:
            return []
        current = boot_id()
        boots = sorted(
            by_boot.items(),
            key=lambda item: (
                item[0] == current,
                min(s.reader.description.wall_ns for s in item[1]),
            ),
        )
        for boot, streams in boots:
            if any(stream.pending for stream in streams):
                return self._merge(streams, cut if boot == current else None)
        return []

    @property
    def ended(self) -> frozenset[str]:
        """Streams whose writers are gone and whose frames have all been given out."""
        return frozenset(self._ended)

    def stream(self, name: str) -> StreamReader:
        """Return the reader of a stream that was found.

        Raises:
            KeyError: there is no such stream.
        """
        return self._streams[name].reader

    @property
    def streams(self) -> list[str]:
        """Names of the streams that are being read."""
        return list(self._streams)

    def forget(self, name: str) -> None:
        """Let go of a stream that has ended and whose files are about to be deleted."""
        self._streams.pop(name).reader.close()
        self._failures.pop(name, None)
        self._ended.discard(name)

    def set_back(self, name: str, position: tuple[int, int] | None, seq: int) -> None:
        """Read a stream again from an earlier position on, at the next `read`.

        Args:
            name: the stream; one that is not being read is left alone.
            position: segment and offset, which still exist; None: the begin of the stream.
            seq: number of the last frame before it.
        """
        if name not in self._streams:
            return
        self.forget(name)
        self._positions.pop(name, None)
        if position is not None:
            self._positions[name] = position
        self._last_seqs[name] = seq

    def close(self) -> None:
        """Close all files."""
        for stream in self._streams.values():
            stream.reader.close()

    def _find_streams(self) -> None:
        present = segment.list_segments(self._directory)
        for name in self._refused.keys() - present.keys():
            del self._refused[name]
        for name, numbers in present.items():
            if name in self._streams or self._ignore(name) or not self._may_try(name):
                continue
            if name in self._refused and not self._accept(name, self._refused[name]):
                continue
            number, offset = self._positions.get(name, (numbers[0], 0))
            if number not in numbers:
                later = [n for n in numbers if n > number]
                if not later:
                    continue  # only what was delivered already
                number, offset = later[0], 0
            try:
                seq = self._last_seqs.get(name, 0)
                reader = StreamReader(self._directory, name, number, offset, seq)
            except (OSError, segment.BadSegment) as error:
                self._set_aside(name, error)
                continue
            self._failures.pop(name, None)
            if self._accept(name, reader.description):
                self._streams[name] = _StreamState(reader)
                self._refused.pop(name, None)
            else:
                reader.close()
                self._refused[name] = reader.description

    def _fill(self, stream: _StreamState) -> None:
        if not self._may_try(stream.reader.stream):
            return
        try:
            stream.fill()
        except (OSError, segment.BadSegment) as error:
            stream.read_to_end = True
            self._set_aside(stream.reader.stream, error)
            return  # it has not ended: its files must stay
        self._failures.pop(stream.reader.stream, None)
        if stream.reader.ended and not stream.pending:
            self._ended.add(stream.reader.stream)

    def _may_try(self, name: str) -> bool:
        failure = self._failures.get(name)
        return failure is None or monotonic_ns() >= failure.again_ns

    def _set_aside(self, name: str, error: Exception) -> None:
        """Leave a stream alone: for a while if the disk fails, for good if it is damaged.

        The others go on meanwhile, so what the disk gives back later may come out of order. That
        is better than to hold all instances of a volume for a bad sector of one.
        """
        before = self._failures.get(name)
        pause = min(2 * before.pause_ns, _LONGEST_PAUSE_NS) if before else _FIRST_PAUSE_NS
        again = monotonic_ns() + pause if isinstance(error, OSError) else _FOREVER
        self._failures[name] = _ReadFailure(again, pause)
        if before is None:
            self._on_damage(
                f"stream {name} of the spool {self._directory} cannot be read: {error}; its files "
                "are kept" + ("" if again == _FOREVER else ", and are tried again")
            )

    @staticmethod
    def _merge(streams: list[_StreamState], cut: int | None) -> list[FrameRun]:
        horizon = cut
        for stream in streams:
            if not stream.read_to_end:
                last = _time(stream.pending[-1]) + 1
                horizon = last if horizon is None else min(horizon, last)
        taken = [(stream, stream.take(horizon)) for stream in streams if stream.pending]
        taken = [(stream, frames) for stream, frames in taken if frames]
        if len(taken) == 1:
            [(stream, frames)] = taken
            return [stream.run(frames)]
        every = [
            (frame.time_ns, index, frame)
            for index, (_, frames) in enumerate(taken)
            for frame in frames
        ]
        # The sort is stable and finds the ascending runs, one per stream, so it merges.
        every.sort(key=itemgetter(0))
        return [
            taken[index][0].run([frame for _, _, frame in group])
            for index, group in groupby(every, key=itemgetter(1))
        ]


def boot_id() -> str:
    """Return an id of this boot of the host: random(4)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
