"""`StreamReader`: reads one stream's frames while its writer may still append.

What ends where is decided by the writer's lock, always tested *before* the bytes are read:

===========================  ==========================  =====================================
bytes at the position        lock held                   lock free
===========================  ==========================  =====================================
whole frame                  read it                     read it
nothing                      wait                        next segment, or the stream has ended
a frame that ends too early  a write in progress: wait   a writer killed in mid-write: as above
anything else                wait                        skip to the next whole frame
===========================  ==========================  =====================================

A reader that has waited for long checks whether a whole frame follows: then it is not a write in
progress but damage (of the length, for example), and is skipped too.

Skipping searches for the next magic whose checksum is right, so damage costs the damaged frames
alone. What was skipped is counted.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic_ns

from dubhe_sdk.process.lock import is_held
from dubhe_sdk.spool import frame, segment
from dubhe_sdk.spool.frame import Corrupt, Frame, Incomplete

_CHUNK = 512 * 1024
# Bytes that are not a frame under a held lock may be a write in progress; nearly all end by then.
_DAMAGE_TIMEOUT_NS = 2_000_000_000


class StreamReader:
    """Reads a stream from a position on.

    Args:
        directory: the spool's directory.
        stream: the stream's name.
        number: the segment to begin in.
        offset: the byte in it; 0 means its first frame.
        seq: number of the last frame that was read before; numbers ascend, and a frame whose
            number does not is a repeat (a segment was copied) and passed over.

    Raises:
        OSError: the segment cannot be opened.
        BadSegment: its header is damaged, and so are those of all that follow.
    """

    def __init__(
        self, directory: Path, stream: str, number: int, offset: int = 0, seq: int = 0
    ) -> None:
        self.stream = stream
        self.number = number
        self.offset = offset
        self.ended = False
        """The writer is gone and everything was read."""
        self.skipped_bytes = 0
        """Damaged or repeated bytes that were passed over."""
        self._directory = directory
        self._seq = seq
        self._fd = -1
        self._waiting_since = 0
        self._description: segment.Description | None = None
        self._open(number, offset)

    def _open(self, number: int, offset: int) -> None:
        fd = os.open(
            self._directory / segment.file_name(self.stream, number), os.O_RDONLY | os.O_CLOEXEC
        )
        try:
            description, first = segment.read_description(fd, self.stream)
        except segment.BadSegment as error:
            # All segments of a stream are described alike: only the damage has to be skipped.
            inherited = self._description or self._description_of_later(number)
            if inherited is None or segment.is_of_another_version(fd):
                os.close(fd)
                raise error
            description, first = inherited, 0
        self._description = description
        self.close()
        self._fd, self.number, self.offset = fd, number, max(offset, first)

    def _description_of_later(self, number: int) -> segment.Description | None:
        """Return the description from a segment behind ``number`` that can be read."""
        for later in segment.list_segments(self._directory).get(self.stream, []):
            if later > number:
                path = self._directory / segment.file_name(self.stream, later)
                try:
                    with path.open("rb") as file:
                        return segment.read_description(file.fileno(), self.stream)[0]
                except (OSError, segment.BadSegment):
                    continue  # the next one may do
        return None

    @property
    def description(self) -> segment.Description:
        """What the stream's frames have in common."""
        assert self._description is not None
        return self._description

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def sync(self) -> None:
        """Have the current segment written to the disk itself."""
        os.fdatasync(self._fd)

    @property
    def dropped(self) -> int | None:
        """Records that the writer had to drop while the current segment was its last.

        None if the count is damaged.
        """
        return segment.read_dropped(self._fd)

    def read(self) -> list[Frame]:
        """Return the next frames: at most about half a MiB of them, or one larger frame.

        An empty list means that there is nothing to read now; see `ended`. All frames of one
        call lie in the segment `number`.

        Raises:
            OSError: the segment cannot be read.
        """
        while not self.ended:
            growing = is_held(self._fd)
            begin = self.offset
            frames, wanted = self._parse(os.pread(self._fd, _CHUNK, self.offset))
            if not frames and wanted > _CHUNK:
                frames, _ = self._parse(os.pread(self._fd, wanted, self.offset))
            if self.offset != begin:
                self._waiting_since = 0
            if frames:
                return frames
            if self.offset != begin:
                continue  # repeats alone
            size = os.fstat(self._fd).st_size
            if self.offset >= size:
                if growing or not self._advance():
                    return []
            elif not self._skip_damage(growing, size):
                return []
        return []

    def _parse(self, buffer: bytes) -> tuple[list[Frame], int]:
        """Return the whole frames at the buffer's begin, and go behind them.

        The number is what the frame behind them takes if the buffer ends within it, else 0.
        """
        frames, at, repeated = frame.decode_run(buffer, self.offset, self._seq)
        self.offset += at
        self.skipped_bytes += repeated
        if frames:
            self._seq = frames[-1].seq
        if at < len(buffer):
            try:
                frame.decode(buffer, at, 0)
            except Incomplete as incomplete:
                return frames, incomplete.size
            except Corrupt:
                pass
        return frames, 0

    def _skip_damage(self, growing: bool, size: int) -> bool:
        """Handle bytes that are not a frame. Return whether the position moved."""
        if growing:
            now = monotonic_ns()
            self._waiting_since = self._waiting_since or now
            if now - self._waiting_since < _DAMAGE_TIMEOUT_NS:
                return False
            self._waiting_since = now
        target = self._next_frame(size)
        if target is None and growing:
            return False  # a long write, or one that failed and the writer is about to go on
        self._waiting_since = 0
        self.skipped_bytes += (target or size) - self.offset
        self.offset = target or size
        return True

    def _next_frame(self, size: int) -> int | None:
        """Return the offset of the next whole frame behind the damage, if there is one."""
        at = self.offset + 1
        while at < size:
            buffer = os.pread(self._fd, _CHUNK, at)
            found = buffer.find(frame.MAGIC)
            while found >= 0:
                if self._is_frame(at + found):
                    return at + found
                found = buffer.find(frame.MAGIC, found + 1)
            if len(buffer) < _CHUNK:
                return None
            at += len(buffer) - 1  # the magic may lie across the border
        return None

    def _is_frame(self, offset: int) -> bool:
        wanted = frame.OVERHEAD
        while True:
            try:
                frame.decode(os.pread(self._fd, wanted, offset), 0, offset)
            except Incomplete as incomplete:
                if incomplete.size <= wanted:
                    return False  # the file ends before it does
                wanted = incomplete.size
            except Corrupt:
                return False
            else:
                return True

    def _advance(self) -> bool:
        """Go to the stream's next segment. Return False, and set `ended`, if there is none."""
        following = [
            number
            for number in segment.list_segments(self._directory).get(self.stream, [])
            if number > self.number
        ]
        if not following:
            self.ended = True
            return False
        self._open(following[0], 0)
        return True
