"""What is lost is counted, once."""

from __future__ import annotations

import pytest

from dubhe_sdk.spool import frame
from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.drain import Drain
from tests.dubhe_sdk.spool.helpers import (
    first_offset,
    flip_bit,
    segments,
    spoil_description,
)
from tests.dubhe_sidecar.drain_helpers import put, run, totals
from tests.dubhe_sidecar.helpers import FakeSink, Topic


@pytest.mark.parametrize("empty", [[], [1], [1, 2], [2], [3], [1, 2, 3]])
def test_dropped_records_of_all_segments_are_counted_also_of_those_without_frames(tmp_path, empty):
    """A disk that was full when the segment began leaves one with nothing but a count."""
    seq = 1
    for number in (1, 2, 3):
        kinds = [] if number in empty else [Kind.PROGRESS] * 2
        put(tmp_path, "a", number, kinds, seq=seq, dropped=10**number)
        seq += len(kinds)
    topic = Topic()
    run(tmp_path, topic)
    assert totals(tmp_path).dropped == 1110
    assert len(topic.records) == seq - 1
    assert segments(tmp_path) == []


def test_damaged_bytes_are_counted_wherever_they_lie(tmp_path):
    paths = [put(tmp_path, "a", n, [Kind.RESULT] * 3, seq=3 * n) for n in (1, 2, 3)]
    size = frame.OVERHEAD + len(b'{"stream":"a","seq":3}')
    first = first_offset(paths[0])
    flip_bit(paths[0], first)  # the first frame of all
    spoil_description(paths[1])  # a header
    flip_bit(paths[1], first_offset(paths[2]) + size)  # a frame in the middle
    for path, tail in ((paths[1], 11), (paths[2], 5)):  # torn ends
        with path.open("ab") as file:
            file.write(b"\0" * tail)
    topic = Topic()
    run(tmp_path, topic)
    assert [one.seq for one in topic.records] == [4, 5, 6, 8, 9, 10, 11]
    assert totals(tmp_path).skipped_bytes == 2 * size + first + 11 + 5


def test_damage_that_a_killed_sidecar_has_passed_is_counted_once(tmp_path):
    path = put(tmp_path, "a", 1, [Kind.RESULT] * 4)
    size = frame.OVERHEAD + len(b'{"stream":"a","seq":1}')
    flip_bit(path, first_offset(path) + size)
    topic = Topic()
    for _ in range(3):
        drain = Drain(tmp_path, FakeSink(topic, portion=1))
        drain.open()
        drain.step()
        drain.save()  # and then it is killed
    run(tmp_path, topic)
    assert totals(tmp_path).skipped_bytes == size
    assert [one.seq for one in topic.records] == [1, 3, 4]


def test_an_unreadable_stream_stays_and_holds_nobody_up(tmp_path):
    bad = put(tmp_path, "bad", 1, [Kind.RESULT])
    put(tmp_path, "good", 1, [Kind.RESULT])
    spoil_description(bad)
    topic = Topic()
    run(tmp_path, topic)
    assert topic.identities == [("good", 1)]
    assert segments(tmp_path) == [bad]
