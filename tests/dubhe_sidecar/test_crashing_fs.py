"""Writer, sidecar and cursor on a file system that crashes: the promise, for each kind of crash.

Killed processes, at any call of theirs, also in the middle of a write:
    everything that a writer accepted arrives, once, and in its stream's order.

A power cut at any moment:
    everything that was accepted before the last sync of the spool arrives, or had arrived;
    nothing arrives twice nor out of its stream's order; and the sidecar starts.

The destination is another machine: what it had taken stays there.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.segment import remove_abandoned, remove_blank
from dubhe_sdk.spool.writer import SpoolWriter
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.fsync import FsyncWorker
from tests.dubhe_sdk.spool.helpers import KIB, append, make_writer
from tests.dubhe_sidecar.helpers import FakeSink, Topic
from tests.support.crashfs import Killed, Recorder

pytestmark = pytest.mark.slow

WRITERS = 3
_KINDS = (Kind.PROGRESS, Kind.RESULT)


class CrashingFileSystem(RuleBasedStateMachine):
    """Writers that report numbers, and one sidecar."""

    @initialize()
    def begin(self) -> None:
        self.stack = contextlib.ExitStack()
        self.home = Path(self.stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        # Saving is a rule of its own; by the clock, no run could be repeated.
        self.stack.enter_context(patch("dubhe_sidecar.drain._SAVE_SECONDS", float("inf")))
        self.topic = Topic()
        self.number = 0
        self.accepted: set[int] = set()
        self.synced: set[int] = set()
        self.boots = 0
        self.boot(self.home / "disk-0")
        self.spool.mkdir()
        self.recorder = Recorder(self.spool)

    def boot(self, spool: Path) -> None:
        self.spool = spool
        self.writers: list[SpoolWriter | None] = [None] * WRITERS
        self.drain: Drain | None = None
        self.syncer = FsyncWorker(spool)

    def alive(self, act: Callable[[], None]) -> bool:
        """Do something that a kill may end. Return whether it came to its end."""
        try:
            with self.recorder.recording():
                act()
        except Killed:
            self.recorder.bury()
            return False
        self.recorder.bury()
        return True

    # --- the writers --------------------------------------------------------------------------

    @rule(
        index=st.integers(0, WRITERS - 1),
        kind=st.sampled_from(_KINDS),
        size=st.sampled_from([10, 10, 200, 900, 9000]),
    )
    def append(self, index: int, kind: Kind, size: int) -> None:
        self._append(index, kind, size)

    @rule(
        index=st.integers(0, WRITERS - 1),
        size=st.sampled_from([10, 900, 9000]),
        calls=st.integers(0, 4),
        part=st.floats(0, 1),
    )
    def append_and_be_killed(self, index: int, size: int, calls: int, part: float) -> None:
        self.recorder.kill_after(calls, part)
        self._append(index, Kind.RESULT, size)

    def _append(self, index: int, kind: Kind, size: int) -> None:
        self.number += 1
        number = self.number

        def act() -> None:
            writer = self.writers[index]
            if writer is None:
                writer = self.writers[index] = make_writer(
                    self.spool, SpoolLimits(segment_bytes=2 * KIB, full_timeout_seconds=0)
                )
            assert append(writer, (b"%d " % number).ljust(size, b"x"), kind)
            self.accepted.add(number)

        if not self.alive(act):
            self.kill_writer(index)

    @rule(index=st.integers(0, WRITERS - 1))
    def kill_writer(self, index: int) -> None:
        writer, self.writers[index] = self.writers[index], None
        if writer is not None:
            with self.recorder.recording():
                writer.close()  # as the kernel does: the descriptor, and with it the lock

    # --- the sidecar --------------------------------------------------------------------------

    def _sidecar(self) -> Drain:
        if self.drain is None:
            remove_abandoned(self.spool)
            remove_blank(self.spool)
            self.drain = Drain(self.spool, FakeSink(self.topic))
            self.drain.open()
        return self.drain

    @rule(steps=st.integers(1, 5), save=st.booleans())
    def deliver(self, steps: int, save: bool) -> None:
        self._deliver(steps, save)

    @rule(steps=st.integers(1, 5), calls=st.integers(0, 25), part=st.floats(0, 1))
    def deliver_and_be_killed(self, steps: int, calls: int, part: float) -> None:
        self.recorder.kill_after(calls, part)
        self._deliver(steps, save=True)

    def _deliver(self, steps: int, save: bool) -> None:
        def act() -> None:
            drain = self._sidecar()
            for _ in range(steps):
                drain.step()
            if save:
                drain.save()

        if not self.alive(act):
            self.kill_sidecar()

    @rule()
    def kill_sidecar(self) -> None:
        drain, self.drain = self.drain, None
        if drain is not None:
            with self.recorder.recording():
                drain._reader.close()

    @rule()
    def sync(self) -> None:
        before = set(self.accepted)
        if self.alive(self.syncer.sync):
            self.synced |= before

    # --- crashes ------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32))
    def power_cut(self, seed: int) -> None:
        self._kill_all()
        self.boots += 1
        disk = self.home / f"disk-{self.boots}"
        self.recorder.power_cut(random.Random(seed), disk)
        arrived = {int(value.split()[0]) for value in self.topic.values}
        self.accepted &= self.synced | arrived  # more may be there, but is not promised
        shutil.rmtree(self.spool)
        self.boot(disk)
        # What the disk has now it has for certain; names and contents go on from here.
        self.recorder = Recorder.of_disk(disk)

    def _kill_all(self) -> None:
        for index in range(WRITERS):
            self.kill_writer(index)
        self.kill_sidecar()

    @precondition(lambda self: self.number)
    @rule()
    def everything_promised_arrives(self) -> None:
        """All writers end, and a new sidecar delivers what there is."""
        self._kill_all()
        with self.recorder.recording():
            drain = self._sidecar()
            for _ in range(10_000):
                if not drain.step():
                    break
            drain.close()
        self.drain = None
        values = [int(value.split()[0]) for value in self.topic.values]
        assert self.accepted <= set(values), f"lost: {self.accepted - set(values)}"
        assert len(values) == len(set(values)), "twice"
        by_stream: dict[str, list[int]] = {}
        for stream, seq in self.topic.identities:
            by_stream.setdefault(stream, []).append(seq)
        assert all(seqs == sorted(seqs) for seqs in by_stream.values()), "out of order"

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            if self.number:
                self.everything_promised_arrives()
            self._kill_all()
            self.stack.close()


TestCrashingFileSystem = CrashingFileSystem.TestCase
TestCrashingFileSystem.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
