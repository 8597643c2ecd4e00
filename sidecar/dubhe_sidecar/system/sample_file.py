"""A file of samples that stays small however long an instance runs.

One JSON object a line. When there are `MOST` lines, every second one is dropped: the whole time
stays covered, more coarsely the longer ago it is.
"""

from __future__ import annotations

import json
from pathlib import Path

from dubhe_sidecar import atomic_file
from dubhe_sidecar.system.reader import Figures

MOST = 2000
LINE_BYTES = 8192  # a sample of more devices than fit is not written


class SampleFile:
    """Appends samples.

    Args:
        path: the file; its folder is made. What it holds is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = -1  # not known yet

    def append(self, sample: Figures) -> None:
        """Append a sample.

        Raises:
            OSError: the disk does not take it.
        """
        line = json.dumps(sample).encode() + b"\n"
        if len(line) > LINE_BYTES:
            return
        if self._lines < 0:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            kept = self._read()
            # A line without its end, of a process that was killed, must not spoil the next one.
            if self._path.exists() and not self._path.read_bytes().endswith(b"\n"):
                self._replace(kept)
            self._lines = len(kept)
        if self._lines >= MOST:
            kept = self._read()[::2]
            self._replace(kept)
            self._lines = len(kept)
        with self._path.open("ab", buffering=0) as file:
            file.write(line)
        self._lines += 1

    def _read(self) -> list[bytes]:
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [line for line in lines if line.endswith(b"\n")]

    def _replace(self, lines: list[bytes]) -> None:
        atomic_file.replace(self._path, b"".join(lines), durable=False)
