"""A spool of dead writers to be damaged, and what is delivered of it afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from dubhe_sdk.spool import frame, segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.cursor import Totals
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.status import SpoolStatus, inspect
from tests.dubhe_sdk.spool.helpers import description, first_offset
from tests.dubhe_sidecar.helpers import FakeSink, Topic

SEGMENTS, FRAMES = 3, 4
COUNT = SEGMENTS * FRAMES
ALL = list(range(1, COUNT + 1))
# Bytes of a frame of these spools.
SIZE = frame.OVERHEAD + len(b'{"n":101}')
# Far more rounds than any spool of these takes.
_ROUNDS = 500


@dataclass
class Outcome:
    """What became of a spool."""

    seqs: dict[str, list[int]] = field(default_factory=dict)
    """Per stream, the numbers that were delivered."""
    totals: Totals = field(default_factory=Totals)
    status: SpoolStatus | None = None

    def reported(self) -> bool:
        """Return whether `dubhe status` shows that something is wrong."""
        assert self.status is not None
        return bool(self.status.damaged_bytes or self.status.missing or self.status.unreadable)


class Spool:
    """Stream ``a`` of three segments, four frames each; stream ``b``, which nobody touches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for number in range(1, SEGMENTS + 1):
            self.put("a", number, FRAMES * (number - 1) + 1)
        self.put("b", 1, 1)

    def path(self, number: int = 1, stream: str = "a") -> Path:
        return self.folder / segment.file_name(stream, number)

    def put(self, stream: str, number: int, seq: int) -> None:
        """Make a segment of a dead writer."""
        data = description(stream).encode()
        for one in range(seq, seq + FRAMES):
            data += frame.encode(Kind.RESULT, one, one, 1, b'{"n":%d}' % (100 + one))
        self.path(number, stream).write_bytes(data)

    def copy(self, folder: Path) -> Spool:
        """Return one like it, to be damaged."""
        shutil.copytree(self.folder, folder)
        other = Spool.__new__(Spool)
        other.folder = folder
        return other

    def bounds(self, number: int) -> list[int]:
        """Return where the frames of a whole segment of ``a`` begin, and where the last ends."""
        first = first_offset(self.path(number))
        size = (self.path(number).stat().st_size - first) // FRAMES
        return [first + size * index for index in range(FRAMES + 1)]

    def deliver(self) -> Outcome:
        """Deliver it, twice over: a sidecar, and one that is started after it.

        Asserts what holds whatever the damage: it comes to an end, nothing is delivered twice or
        out of order, and the stream that nobody touched is there as a whole.
        """
        topic = Topic()
        drain = self._run(topic)
        count = len(topic.records)
        totals = drain.cursor.totals
        again = self._run(topic)
        assert len(topic.records) == count, "a second start delivers more"
        assert again.cursor.totals == totals, "a second start counts more"
        outcome = Outcome(totals=totals, status=inspect(self.folder))
        for stream, seq in topic.identities:
            outcome.seqs.setdefault(stream, []).append(seq)
        for seqs in outcome.seqs.values():
            assert seqs == sorted(set(seqs))
        assert outcome.seqs["b"] == list(range(1, FRAMES + 1))
        return outcome

    def _run(self, topic: Topic) -> Drain:
        drain = Drain(self.folder, FakeSink(topic))
        drain.open()
        for _ in range(_ROUNDS):
            if not drain.step():
                drain.close()
                return drain
        raise AssertionError("it never comes to an end")


def copies(whole: Spool) -> Generator[Spool, None, None]:
    """Yield copies permanently; each is gone when the next is asked for."""
    while True:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            yield whole.copy(Path(folder) / "spool")


def without(*seqs: int) -> list[int]:
    """Return all numbers of stream ``a`` but some."""
    return [seq for seq in ALL if seq not in seqs]
