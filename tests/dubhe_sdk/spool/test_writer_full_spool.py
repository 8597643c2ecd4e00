"""A full spool: progress is dropped and counted, the rest uses the reserve and waits."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from dubhe_sdk.spool import segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from tests.dubhe_sdk.spool.full import SMALL, fill
from tests.dubhe_sdk.spool.helpers import (
    KIB,
    append,
    dropped_in,
    make_writer,
    numbers,
    read_spool,
    segments,
)
from tests.support.waiting import wait_for


def test_a_full_spool_drops_progress_and_counts_it(tmp_path):
    trouble: list[str] = []
    writer = make_writer(tmp_path, SMALL, trouble.append)
    accepted = fill(writer)
    begin = time.monotonic()
    assert not any(append(writer, b"x" * 200) for _ in range(99))
    assert time.monotonic() - begin < 99 * SMALL.full_timeout_seconds  # progress does not wait
    assert dropped_in(tmp_path) == 100
    assert numbers(read_spool(tmp_path)) == list(range(accepted))
    assert segment.total_bytes(tmp_path) < SMALL.max_bytes + SMALL.segment_bytes
    assert len(trouble) == 1
    assert "DUBHE_SPOOL_MAX_BYTES" in trouble[0]
    assert str(tmp_path) in trouble[0]


def test_results_use_the_reserve_then_wait_then_are_counted(tmp_path):
    writer = make_writer(tmp_path, SMALL)
    progress = fill(writer)
    begin = time.monotonic()
    results = fill(writer, Kind.RESULT)
    waited = time.monotonic() - begin
    assert results * 200 > SMALL.reserve_bytes / 2
    assert waited >= SMALL.full_timeout_seconds
    assert not append(writer, b"x")  # the reserve is not for progress
    assert dropped_in(tmp_path) == 3
    bound = SMALL.max_bytes + SMALL.reserve_bytes + SMALL.segment_bytes
    assert segment.total_bytes(tmp_path) < bound
    kinds = Counter(spooled.frame.kind for spooled in read_spool(tmp_path))
    assert kinds == {Kind.PROGRESS: progress, Kind.RESULT: results}


@pytest.mark.parametrize("kind", [Kind.READY, Kind.START, Kind.END, Kind.RESULT])
def test_all_but_progress_may_use_the_reserve(tmp_path, kind):
    writer = make_writer(tmp_path, SMALL)
    fill(writer)
    assert append(writer, b"important", kind)


def test_room_that_comes_back_is_used_again(tmp_path):
    writer = make_writer(tmp_path, SMALL)
    accepted = fill(writer)
    for path in segments(tmp_path)[:-1]:
        path.unlink()  # as the sidecar does after delivery
    wait_for(lambda: append(writer, 1_000_000), "progress to be accepted again")
    lost = dropped_in(tmp_path)
    assert lost >= 1
    frames = read_spool(tmp_path)
    assert numbers(frames)[-1] == 1_000_000
    assert frames[-1].frame.seq == accepted + 1  # what was dropped has no number


def test_a_result_that_waits_takes_the_room_that_comes(tmp_path):
    limits = SpoolLimits(16 * KIB, 8 * KIB, 2 * KIB, full_timeout_seconds=30)
    writer = make_writer(tmp_path, limits)
    fill(writer)
    said: list[bool] = []
    while segment.total_bytes(tmp_path) + 300 < 24 * KIB:
        assert append(writer, b"x" * 200, Kind.RESULT)
    waiting = threading.Thread(target=lambda: said.append(append(writer, b"y" * KIB, Kind.RESULT)))
    waiting.start()
    assert not append(writer, b"progress")  # nobody is held up by the one that waits
    assert waiting.is_alive()
    for path in segments(tmp_path)[:3]:
        path.unlink()
    waiting.join(10)
    assert said == [True]
    assert read_spool(tmp_path)[-1].frame.value == b"y" * KIB


def test_what_was_dropped_before_the_first_segment_is_counted_in_it(tmp_path):
    other = make_writer(tmp_path, SMALL)
    fill(other)
    before = dropped_in(tmp_path)
    writer = make_writer(tmp_path, SMALL)
    assert [append(writer, b"x") for _ in range(5)] == [False] * 5
    other.close()
    for path in segments(tmp_path):
        path.unlink()
    wait_for(lambda: append(writer, 1), "room")
    assert before == 1
    assert dropped_in(tmp_path) >= 5


def test_several_writers_share_the_bound(tmp_path):
    writers = [make_writer(tmp_path, SMALL) for _ in range(4)]
    accepted = [0] * 4
    for _ in range(200):
        for index, writer in enumerate(writers):
            accepted[index] += append(writer, b"x" * 200)
    bound = SMALL.max_bytes + len(writers) * SMALL.segment_bytes
    assert segment.total_bytes(tmp_path) <= bound
    assert sum(accepted) + dropped_in(tmp_path) == 800
    assert Counter(s.stream for s in read_spool(tmp_path)) == {
        writer.stream: count for writer, count in zip(writers, accepted, strict=True) if count
    }
