"""A real sidecar and real writers: each message once and in order."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import time
from pathlib import Path

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sidecar.sidecar import _FIRST_WAIT_SECONDS
from tests.dubhe_sdk.spool.helpers import INSTANCE_ID, KIB, make_writer, segments
from tests.dubhe_sidecar.helpers import Place, tell
from tests.dubhe_sidecar.sidecar_helpers import wait_until_delivering
from tests.support.waiting import wait_for


def test_delivers_what_is_said_while_it_runs_and_before(place):
    writer = make_writer(place.spool)
    tell(writer, 0)
    place.start()
    for number in range(1, 50):
        tell(writer, number)
    wait_for(lambda: place.values == list(range(50)), lambda: str(place.values))
    message = place.messages[7]
    assert message["offset"] == 7
    assert message["topic"] == "status"
    assert message["key"] == INSTANCE_ID
    assert message["headers"] == {"dubhe-writer": writer.stream, "dubhe-seq": "8"}


def test_drain_delivers_what_there_is_and_ends(place):
    writer = make_writer(place.spool, SpoolLimits(segment_bytes=KIB))
    for number in range(500):
        tell(writer, number)
    writer.close()
    place.drain()
    assert place.values == list(range(500))
    assert segments(place.spool) == []
    place.drain()
    assert len(place.values) == 500


def test_a_message_does_not_wait_for_the_next_poll(place):
    """Half of them arrive before the shortest poll interval ends, whatever the pause before."""
    writer = make_writer(place.spool)
    place.start()
    tell(writer, 0)
    wait_for(lambda: place.values, lambda: place.log_text)
    (path,) = place.journal.glob("*.jsonl")
    size = path.stat().st_size
    delays = []
    for number in range(60):
        time.sleep(random.choice([0, 0.001, 0.004, 0.02, 0.08]))  # the algorithm computes
        begin = time.perf_counter()
        tell(writer, number)
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
    place = Place(deep)
    try:
        writer = make_writer(place.spool)
        place.start()
        tell(writer, 1)
        wait_for(lambda: place.values == [1], lambda: place.log_text)
    finally:
        place.close()


def test_a_spool_that_is_removed_while_it_runs(place):
    """It ends and says why; the next one delivers what was said since."""
    writer = make_writer(place.spool)
    sidecar = place.start()
    tell(writer, 1)
    wait_for(lambda: place.values == [1], lambda: place.log_text)
    shutil.rmtree(place.spool, ignore_errors=True)  # the sidecar writes there meanwhile
    assert sidecar.wait(30) == 1
    tell(writer, 2)
    place.drain()
    assert place.values == [1, 2]


def test_results_and_progress_keep_their_order_under_a_full_spool(place):
    """The sidecar makes room while writers wait for it."""
    writer = make_writer(
        place.spool, SpoolLimits(32 * KIB, 16 * KIB, 4 * KIB, full_timeout_seconds=30), print
    )
    place.start()
    for number in range(4000):
        tell(writer, number, Kind.RESULT)
    wait_for(lambda: len(place.values) == 4000, lambda: str(len(place.values)))
    assert place.values == list(range(4000))


def test_leaves_no_descriptors_of_finished_streams_open(place):
    sidecar = place.start()
    wait_until_delivering(place)
    for number in range(20):
        writer = make_writer(place.spool)
        tell(writer, number)
        writer.close()
    wait_for(lambda: len(place.values) == 20 and not segments(place.spool), "delivery")
    folder = Path("/proc", str(sidecar.pid), "fd")
    targets = [os.readlink(folder / fd) for fd in os.listdir(folder)]  # noqa: PTH115
    assert not [target for target in targets if ".seg" in target]
