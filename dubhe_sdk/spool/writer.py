"""`SpoolWriter`: a process's own stream, to which it appends in microseconds.

Problem
    Whatever a ``log…`` call has accepted must survive a kill of the process at any instruction,
    be in order, and cost the algorithm next to nothing. Nothing here may raise into it.

Mechanism
    One ``write`` per frame on a file that only this process appends to. When the call returns,
    the bytes are the kernel's, so no death of a process can lose them. A killed writer leaves at
    most one broken frame, at the very end.

Safety
    * A forked child never touches its parent's file: `_after_fork` closes it there and the
      child's first frame opens a stream of its own.
    * ``_seq`` advances before the write. An exception thrown into the call by a signal handler
      can thus leave a gap, but never two frames of one number.
    * A write that came out short (disk full, file size limit) is cut off again; if even that
      fails the segment is left for good, its broken end is skipped by the reader.
    * A signal handler or destructor that reports something while its own thread is in the middle of
      an `append` finds the writer busy; its record is deferred until that one is done.
    * Time is taken under the lock, so times ascend within a stream.
    * `StreamState.append_batch`, in C, takes no lock: nothing of Python runs while it does, and it
      leaves everything to `append` while ``_busy`` is set.
    * Somebody may remove the spool under a running writer. Its file then has no name any more;
      that is checked together with whether to wake the sidecar, for progress every 50 ms at most:
      between two batches of a training the system call costs a fifth of the whole report.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic_ns
from types import FrameType
from zlib import crc32

from dubhe_sdk.spool import disk_reserve, frame, segment
from dubhe_sdk.spool.create import check_directory, create_segment, new_stream_name
from dubhe_sdk.spool.frame import CRC, HEAD, MAGIC, MAX_PAYLOAD, OVERHEAD, VERSION, Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.stream_state import StreamState
from dubhe_sdk.spool.wake import WakeSender

# Progress wakes the sidecar only after such a silence: to wake a sleeping process costs the
# algorithm's thread more than the frame does, and the sidecar polls for as long after the last
# record; see `dubhe_sidecar.sidecar`.
_SILENCE_NS = 50_000_000
# All other kinds wake it, this often at most.
_NUDGE_INTERVAL_NS = 2_000_000
# How often a writer that found the spool full checks again.
_FULL_RECHECK_NS = 50_000_000
_FULL_POLL_SECONDS = 0.02
_WARNING_INTERVAL_NS = 60_000_000_000

_PROGRESS = int(Kind.PROGRESS)
_pack_head = HEAD.pack
_pack_crc = CRC.pack


class SpoolWriter(StreamState):
    """Appends frames to the spool. Thread-safe, fork-safe.

    Args:
        directory: the spool's directory; made if it does not exist.
        describe: returns the description for a new stream of the given name. It is called when
            the stream's first frame is written, and in every forked child that writes.
        limits: bounds of the whole spool.
        on_warning: called with a sentence, at most once a minute, while messages are dropped.

    Raises:
        SpoolUnusable: the directory cannot be created or written.
    """

    def __init__(
        self,
        directory: Path,
        describe: Callable[[str], segment.Description],
        limits: SpoolLimits,
        on_warning: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._describe = describe
        self._limits = limits
        self._on_warning = on_warning
        self._warned_ns = -_WARNING_INTERVAL_NS
        self._lock = threading.RLock()
        check_directory(directory)
        with contextlib.suppress(OSError):  # of use later, perhaps; not needed now
            disk_reserve.fill(directory)
        self._wake = WakeSender(directory)
        self._forget_stream()
        _register(self)

    def _forget_stream(self) -> None:
        """Begin as a process that has written nothing yet."""
        self._fd = -1
        self._stream = ""
        self._number = 0
        self._seq = 0
        self._offset = 0
        self._first = 0  # offset of the segment's first frame
        self._progress_limit = 0  # the segment may grow to this for progress …
        self._important_limit = 0  # … and to this for the rest; more only in a reserve segment
        self._paused: tuple[int, int] | None = None  # the two limits, while nothing is accepted
        self._dropped = 0  # in the current segment's header
        self._dropped_uncounted = 0  # there was no segment to note them in
        self._full_until_ns = 0
        self._last_ns = -_SILENCE_NS  # when the last frame was written
        self._next_check_ns = 0  # not before; never later than `_last_ns` + `_SILENCE_NS`
        self._next_nudge_ns = 0  # not before
        self._busy = False
        self._deferred: list[tuple[int, bytes, int, int, int]] = []

    @property
    def stream(self) -> str:
        """The stream's name; empty before the first frame."""
        return self._stream

    def append(
        self, kind: int, value: bytes, date_ms: int, batch: int = 0, batches: int = 0
    ) -> bool:
        """Append one record.

        Args:
            kind: a `Kind`.
            value: the message's JSON, at most 256 MiB.
            date_ms: milliseconds since 1970 when it was reported.
            batch: index of the batch in its epoch, if ``batches`` is not 0.
            batches: number of batches in the epoch, or 0.

        Returns:
            Whether it was accepted. False only if the spool is full, for anything but progress
            after waiting ``limits.full_timeout_seconds``; it is counted then. Also after `pause`.
        """
        with self._lock:
            if self._busy:  # by this very thread
                self._deferred.append((kind, value, date_ms, batch, batches))
                return True
            self._busy = True
            try:
                now = monotonic_ns()
                length = len(value)
                end = self._offset + OVERHEAD + length
                if kind == _PROGRESS:
                    room, due_ns = self._progress_limit, self._next_check_ns
                else:
                    room, due_ns = self._important_limit, self._next_nudge_ns
                if end <= room and (now < due_ns or not self._is_removed()):
                    self._seq = seq = self._seq + 1
                    head = _pack_head(
                        MAGIC, VERSION, kind, length, seq, now, date_ms, batch, batches
                    )
                    # One checksum of a copy is cheaper than two of the parts.
                    crc = _pack_crc(crc32(head + value))
                    try:
                        written = os.write(self._fd, head + crc + value)
                    except OSError:
                        written = 0
                    if written == OVERHEAD + length:
                        self._offset = end
                        if now >= due_ns:
                            self._next_check_ns = now + _SILENCE_NS
                            if kind != _PROGRESS:
                                self._next_nudge_ns = now + _NUDGE_INTERVAL_NS
                                self._wake.nudge()
                            elif now - self._last_ns > _SILENCE_NS:
                                self._wake.nudge()
                        self._last_ns = now
                        return True
                    self._seq = seq - 1
                    self._undo(written)
            finally:
                self._busy = False
                if self._deferred:
                    self._append_deferred()
        return self._append_slowly(kind, value, date_ms, batch, batches)

    def pause(self) -> None:
        """Accept nothing until `resume`; what another thread is appending is through by then.

        A thread may be about to call `append` when its task ends. No limit of the segment lets it
        pass, so this costs an ordinary call nothing. Forked children are not paused.
        """
        with self._lock:
            if self._paused is None:
                self._paused = self._progress_limit, self._important_limit
                self._progress_limit = self._important_limit = -1

    def resume(self) -> None:
        """Accept again."""
        with self._lock:
            if self._paused is not None:
                self._progress_limit, self._important_limit = self._paused
                self._paused = None

    def close(self) -> None:
        """End the stream. A later `append` begins a new one."""
        with self._lock:
            fd, uncounted = self._fd, self._dropped_uncounted
            self._forget_stream()
            self._dropped_uncounted = uncounted
            if fd >= 0:  # last: `append_batch` does not take the lock
                os.close(fd)

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the lock, and defer what this thread itself reports meanwhile."""
        with self._lock:
            self._busy = True
            try:
                yield
            finally:
                self._busy = False
                if self._deferred:
                    self._append_deferred()

    def _append_deferred(self) -> None:
        """Append what a signal handler or a destructor reported within an `append`."""
        while self._deferred:
            self.append(*self._deferred.pop(0))

    def _append_slowly(
        self, kind: int, value: bytes, date_ms: int, batch: int, batches: int
    ) -> bool:
        """Open a segment for the record; if the spool is full, drop it or wait."""
        if self._paused is not None:
            return False
        if kind == _PROGRESS and monotonic_ns() < self._full_until_ns:
            return self._drop(None)
        if len(value) > MAX_PAYLOAD:
            return self._drop(f"one has {len(value)} bytes, {MAX_PAYLOAD} are allowed")
        deadline = time.monotonic() + self._limits.full_timeout_seconds
        while True:
            full = False
            try:
                with self._exclusive():
                    if self._paused is not None:  # meanwhile
                        return False
                    reason = self._open_segment(kind, OVERHEAD + len(value))
                    if reason is None:
                        self._write_first(kind, value, date_ms, batch, batches)
                        self._wake.nudge()
                        return True
            except OSError as error:
                reason = f"{error.strerror} ({self._directory})"
                full = error.errno in disk_reserve.DISK_FULL
            if full and kind != _PROGRESS and disk_reserve.release(self._directory, len(value)):
                continue
            if kind == _PROGRESS:
                self._full_until_ns = monotonic_ns() + _FULL_RECHECK_NS
            if kind == _PROGRESS or time.monotonic() >= deadline:
                return self._drop(reason)
            time.sleep(_FULL_POLL_SECONDS)  # room comes from another process, which cannot signal

    def _write_first(self, kind: int, value: bytes, date_ms: int, batch: int, batches: int) -> None:
        """Write a frame without asking for room.

        Raises:
            OSError: the disk does not take it, or not all of it.
        """
        self._seq += 1
        data = frame.encode(kind, self._seq, monotonic_ns(), date_ms, value, batch, batches)
        written = 0
        try:
            written = os.write(self._fd, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._seq -= 1
            self._undo(written)
            raise
        self._offset += written

    def _open_segment(self, kind: int, size: int) -> str | None:
        """Open a segment with space for ``size`` bytes; return the reason if there is none.

        One that exists already, because the first write to it failed, is tried again: on a full
        disk there would otherwise be ever more empty ones.
        """
        self._directory.mkdir(parents=True, exist_ok=True)  # it may have been removed meanwhile
        used = segment.total_bytes(self._directory)
        limits = self._limits
        free = limits.max_bytes - used
        reserve = free < size
        if reserve:
            free += limits.reserve_bytes
            if kind == _PROGRESS or free < size:
                return (
                    f"the spool {self._directory} is full: {used} bytes wait for delivery, "
                    f"{limits.max_bytes} are allowed (DUBHE_SPOOL_MAX_BYTES)"
                )
        if self._fd < 0 or self._offset != self._first or self._is_removed():
            try:
                self._begin_segment()
            except OSError:
                # For example no inode is left; the current segment may still grow. There is no
                # space only if that fails as well.
                if self._fd < 0 or self._first < 0 or self._is_removed():
                    raise
        self._important_limit = self._offset + max(size, min(limits.segment_bytes, free))
        self._progress_limit = 0 if reserve else self._important_limit
        return None

    def _begin_segment(self) -> None:
        stream = self._stream or new_stream_name()
        number = self._number + 1
        fd, first = create_segment(self._directory, self._describe(stream), number)
        # The new segment is there before the old one is let go, so that a reader which finds a
        # segment without a lock and no successor has proof that the stream has ended.
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._stream, self._number = fd, stream, number
        self._offset = self._first = first
        self._dropped = 0
        if self._dropped_uncounted:
            uncounted, self._dropped_uncounted = self._dropped_uncounted, 0
            self._count_dropped(uncounted)

    def _is_removed(self) -> bool:
        return os.fstat(self._fd).st_nlink == 0

    def _undo(self, written: int) -> None:
        """Cut off what a failed write left, or leave the segment."""
        if written:
            try:
                os.ftruncate(self._fd, self._offset)
                os.lseek(self._fd, self._offset, os.SEEK_SET)
            except OSError:
                self._first = -1  # the reader skips a broken end once the next segment exists
        self._progress_limit = self._important_limit = 0

    def _drop(self, reason: str | None) -> bool:
        with self._lock:
            self._count_dropped(1)
        now = monotonic_ns()
        if reason and now - self._warned_ns >= _WARNING_INTERVAL_NS:
            self._warned_ns = now
            self._on_warning(f"messages are being dropped and counted: {reason}")
        return False

    def _count_dropped(self, count: int) -> None:
        if self._fd < 0:
            self._dropped_uncounted += count
            return
        self._dropped += count
        try:
            os.pwrite(self._fd, segment.encode_dropped(self._dropped), segment.DROPPED_OFFSET)
        except OSError:
            self._dropped -= count
            self._dropped_uncounted += count

    def _warn_uncounted(self) -> None:
        """Tell how many dropped records no segment could be made to count."""
        if self._dropped_uncounted:
            self._on_warning(
                f"{self._dropped_uncounted} messages were dropped and could not be counted in the "
                f"spool {self._directory}, which took nothing until this process ended"
            )

    def _after_fork(self) -> None:
        """In a forked child: leave the parent's stream alone."""
        self._lock = threading.RLock()
        fd = self._fd
        self._forget_stream()
        if fd >= 0:
            os.close(fd)


_writers: weakref.WeakSet[SpoolWriter] = weakref.WeakSet()


def _register(writer: SpoolWriter) -> None:
    _writers.add(writer)


def _before_fork() -> None:
    for writer in _writers:
        writer._lock.acquire()


def _after_fork_in_parent() -> None:
    for writer in _writers:
        writer._lock.release()


def _after_fork_in_child() -> None:
    for writer in _writers:
        writer._after_fork()


def _at_exit() -> None:
    for writer in _writers:
        writer._warn_uncounted()


atexit.register(_at_exit)

os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)

_UNINTERRUPTIBLE = frozenset(
    function.__code__
    for function in (
        SpoolWriter.append,
        SpoolWriter.close,
        SpoolWriter._write_first,
        SpoolWriter._open_segment,
        SpoolWriter._drop,
        _before_fork,
        _after_fork_in_parent,
        _after_fork_in_child,
    )
)
_INTERRUPTIBLE = SpoolWriter._append_slowly.__code__  # it may wait for seconds


def may_interrupt(stack: FrameType | None) -> bool:
    """Return whether a signal handler may raise over this stack without tearing an `append`."""
    while stack is not None:
        if stack.f_code is _INTERRUPTIBLE:
            return True
        if stack.f_code in _UNINTERRUPTIBLE:
            return False
        stack = stack.f_back
    return True
