"""What an engine has of an instance's output, copied into a file: nothing twice, no gap in silence.

Problem: an engine gives an output on a connection that may end at any moment, as the platform
itself may. The next one begins with what the engine still has: of a large output that is the end
(Docker's ``max-size``; the kubelet's ``containerLogMaxSize``, which gives its newest file), and
somebody may have emptied the file. And when Docker 20.10 begins another file, a connection that
follows the output repeats some of it, or leaves some out.

Mechanism: the engine dates each record of the output to the nanosecond. A second file says how far
the copy goes: its size, the latest date in it, and how many records there are from the one with
that date on. The next connection is asked for what is not older, and as much of it is left out. If
that record is not among what the engine still has, a line in the copy says so. A record that comes
a second time on one connection ends it: what the next one brings is in order again.

Safety: the second file is written after the first one. If the platform is killed between the two,
the copy is cut back to the size that was noted, and the record is copied again.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType

from dubhe_simulator.i18n import translate

NS = 1_000_000_000
# Records of standard output and standard error may be dated in another order than they are kept in.
DISORDER_NS = NS
# RFC 3339, with up to nine digits of a second.
_DATED = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ")


class ConsoleFile:
    """The copy. Use it as a context manager.

    Args:
        path: where it is made, or continued.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._date = self._count = self._size = 0
        self._recent: deque[int] = deque()  # dates, up to `DISORDER_NS` before the latest
        self.repeats = False
        """Whether the last connection has begun to repeat: another one is to be made at once."""

    @property
    def since(self) -> int:
        """From when on records are needed, in whole seconds since 1970; 0 for all of them."""
        return max(0, (self._date - DISORDER_NS) // NS)

    def copy(self, records: Iterable[bytes]) -> Iterator[bytes]:
        """Append what is new of what one connection brings; yield it.

        Args:
            records: each with its date before it, as both engines have it.
        """
        left = self._count  # to be left out; the first one is still to be found
        searching, continues = left > 0, False
        self.repeats = False
        self._recent.clear()
        before = 0
        for record in records:
            date, text = _parse(record)
            continues = continues or date == 0
            date = date or before
            before, added = date, text
            if searching and date < self._date:
                continue
            if searching and date > self._date:  # it has not been found
                added = f"{translate('console_gap')}\n".encode() + text
                left = 0
            searching = False
            if left:
                left -= 1
            elif not continues and self._is_repeated(date):
                self.repeats = True
                return
            else:
                self._write(added, date)
                yield added
            self._remember(date)
            continues = not text.endswith(b"\n")  # a long line comes in parts of one date

    def _is_repeated(self, date: int) -> bool:
        return bool(self._recent) and (date < self._date - DISORDER_NS or date in self._recent)

    def _remember(self, date: int) -> None:
        self._recent.append(date)
        while self._recent[0] < self._date - DISORDER_NS:
            self._recent.popleft()

    def _write(self, data: bytes, date: int) -> None:
        os.write(self._file, data)
        self._size += len(data)
        if date > self._date:
            self._date, self._count = date, 0
        self._count += 1
        noted = f"{self._size:020} {self._date:020} {self._count:010}\n"
        os.pwrite(self._position, noted.encode(), 0)

    def __enter__(self) -> ConsoleFile:
        with contextlib.ExitStack() as stack:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o666)
            stack.callback(os.close, self._file)
            noted = self._path.with_suffix(".position")
            self._position = os.open(noted, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            stack.callback(os.close, self._position)
            numbers = os.pread(self._position, 100, 0).split()
            if len(numbers) == 3:
                self._size, self._date, self._count = map(int, numbers)
            self._size = min(self._size, os.fstat(self._file).st_size)
            os.ftruncate(self._file, self._size)
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()


def _parse(record: bytes) -> tuple[int, bytes]:
    """Return a record's date in nanoseconds since 1970, 0 if it has none, and its text."""
    found = _DATED.match(record)
    if found is None:  # a further part of a long line
        return 0, record
    second, fraction, zone = (part.decode() for part in found.groups(b""))
    at = datetime.fromisoformat(second + ("+00:00" if zone == "Z" else zone))
    return int(at.timestamp()) * NS + int(fraction.ljust(9, "0")), record[found.end() :]
