"""A real sidecar and real writers: each message once and in order."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import time
from pathlib import Path

import pytest

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sidecar.sidecar import _FIRST_WAIT_SECONDS
from tests.dubhe_sdk.spool.helpers import INSTANCE_ID, KIB, make_writer, segments
from tests.dubhe_sidecar.helpers import SidecarHarness, append_number
from tests.dubhe_sidecar.sidecar_helpers import wait_until_delivering
from tests.support.waiting import wait_for


def test_delivers_what_is_said_while_it_runs_and_before(harness):
    writer = make_writer(harness.spool)
    append_number(writer, 0)
    harness.start()
    for number in range(1, 50):
        append_number(writer, number)
    wait_for(lambda: harness.values == list(range(50)), lambda: str(harness.values))
    message = harness.messages[7]
    assert message["offset"] == 7
    assert message["topic"] == "status"
    assert message["key"] == INSTANCE_ID
    assert message["headers"] == {"dubhe-writer": writer.stream, "dubhe-seq": "8"}


def test_drain_delivers_what_there_is_and_ends(harness):
    writer = make_writer(harness.spool, SpoolLimits(segment_bytes=KIB))
    for number in range(500):
        append_number(writer, number)
    writer.close()
    harness.drain()
    assert harness.values == list(range(500))
    assert segments(harness.spool) == []
    harness.drain()
    assert len(harness.values) == 500


@pytest.mark.slow
def test_a_message_does_not_wait_for_the_next_poll(harness):
    """Half of them arrive before the shortest poll interval ends, whatever the pause before."""
    writer = make_writer(harness.spool)
    harness.start()
    append_number(writer, 0)
    wait_for(lambda: harness.values, lambda: harness.log_text)
    (path,) = harness.journal.glob("*.jsonl")
    size = path.stat().st_size
    delays = []
    for number in range(60):
        time.sleep(random.choice([0, 0.001, 0.004, 0.02, 0.08]))  # the algorithm computes
        begin = time.perf_counter()
        append_number(writer, number)
        deadline = begin + 20
        while path.stat().st_size == size:
            assert time.perf_counter() < deadline
            time.sleep(0.0003)
        delays.append(time.perf_counter() - begin)
        size = path.stat().st_size
    assert statistics.median(delays) < _FIRST_WAIT_SECONDS, delays


def test_a_spool_with_a_very_long_path(tmp_path):
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    harness = SidecarHarness(deep)
    try:
        writer = make_writer(harness.spool)
        harness.start()
        append_number(writer, 1)
        wait_for(lambda: harness.values == [1], lambda: harness.log_text)
    finally:
        harness.close()


def test_a_spool_that_is_removed_while_it_runs(harness):
    """It ends and reports why; the next one delivers what was reported since."""
    writer = make_writer(harness.spool)
    sidecar = harness.start()
    append_number(writer, 1)
    wait_for(lambda: harness.values == [1], lambda: harness.log_text)
    shutil.rmtree(harness.spool, ignore_errors=True)  # the sidecar writes there meanwhile
    assert sidecar.wait(30) == 1
    append_number(writer, 2)
    harness.drain()
    assert harness.values == [1, 2]


def test_results_and_progress_keep_their_order_under_a_full_spool(harness):
    """The sidecar makes room while writers wait for it."""
    writer = make_writer(
        harness.spool, SpoolLimits(32 * KIB, 16 * KIB, 4 * KIB, full_timeout_seconds=30), print
    )
    harness.start()
    for number in range(4000):
        append_number(writer, number, Kind.RESULT)
    wait_for(lambda: len(harness.values) == 4000, lambda: str(len(harness.values)))
    assert harness.values == list(range(4000))


def test_leaves_no_descriptors_of_finished_streams_open(harness):
    sidecar = harness.start()
    wait_until_delivering(harness)
    for number in range(20):
        writer = make_writer(harness.spool)
        append_number(writer, number)
        writer.close()
    wait_for(lambda: len(harness.values) == 20 and not segments(harness.spool), "delivery")
    folder = Path("/proc", str(sidecar.pid), "fd")
    targets = [os.readlink(folder / fd) for fd in os.listdir(folder)]  # noqa: PTH115
    assert not [target for target in targets if ".seg" in target]
