"""A disk that is full, fails, or loses the spool."""

from __future__ import annotations

import errno
import os
import shutil
import time

import pytest

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from tests.dubhe_sdk.spool.full import SMALL, fill
from tests.dubhe_sdk.spool.helpers import (
    KIB,
    append,
    child,
    dropped_in,
    make_writer,
    mounted,
    numbers,
    read_spool,
    segments,
)
from tests.support.waiting import wait_for

NOTICED_SECONDS = 0.06  # longer than a writer may take to notice that its spool is gone


@pytest.mark.needs("root")
def test_a_full_disk(tmp_path):
    """Accepted is what can be read; all else is counted; room that comes back is used."""
    with mounted(tmp_path / "disk", "-o", "size=256k") as disk:
        trouble: list[str] = []
        limits = SpoolLimits(segment_bytes=64 * KIB, full_timeout_seconds=0.1)
        writer = make_writer(disk / "spool", limits, trouble.append)
        accepted = fill(writer, size=3000)
        assert 40 < accepted < 90
        files = len(segments(disk))
        for _ in range(10):
            assert not append(writer, b"x" * 3000)
            time.sleep(0.06)  # as long as a writer takes a full spool for granted
        assert not append(writer, b"x" * 3000, Kind.RESULT)
        assert len(segments(disk)) == files
        assert dropped_in(disk / "spool") == 12
        assert "No space left" in trouble[0] or "the disk is full" in trouble[0]
        assert numbers(read_spool(disk / "spool")) == list(range(accepted))
        for path in segments(disk / "spool")[:2]:
            path.unlink()
        assert wait_for(lambda: append(writer, (b"%d " % accepted).ljust(3000)), "room")
        frames = read_spool(disk / "spool")
        assert frames[-1].frame.seq == accepted + 1
        assert numbers(frames)[-1] == accepted


@pytest.mark.needs("root")
def test_a_full_disk_is_not_strewn_with_empty_segments(tmp_path):
    """A header still fits where the message does not."""
    with mounted(tmp_path / "disk", "-o", "size=256k") as disk:
        writer = make_writer(disk, SpoolLimits(segment_bytes=64 * KIB, full_timeout_seconds=0.5))
        (disk / "ballast").write_bytes(b"x" * 200 * KIB)
        assert append(writer, b"small", Kind.RESULT)
        assert not append(writer, b"x" * 100 * KIB, Kind.RESULT)
        assert len(segments(disk)) <= 2
        assert append(writer, b"small again", Kind.RESULT)
        assert dropped_in(disk) == 1
        values = [spooled.frame.value for spooled in read_spool(disk)]
        assert values == [b"small", b"small again"]


def test_a_file_size_limit(tmp_path):
    """A frame that does not fit the rest goes to the next segment; one that never fits is lost."""
    with child("limited", tmp_path, 20 * KIB) as writer:
        accepted, huge, last = map(int, writer.line().split())
        assert writer.wait() == 0
    assert (accepted, huge, last) == (200, 0, 1)
    frames = read_spool(tmp_path)
    assert numbers(frames[:-1]) == list(range(200))
    assert frames[-1].frame.value == b"last"
    assert [spooled.frame.seq for spooled in frames] == list(range(1, 202))
    assert all(path.stat().st_size <= 20 * KIB for path in segments(tmp_path))
    assert len(segments(tmp_path)) < 20
    assert dropped_in(tmp_path) == 1


@pytest.mark.parametrize("recreated", [False, True], ids=["gone", "made again by another"])
def test_a_spool_that_is_removed_is_made_again(tmp_path, recreated):
    spool = tmp_path / "spool"
    writer = make_writer(spool)
    assert append(writer, 1)
    shutil.rmtree(spool)
    if recreated:
        spool.mkdir()
    for number in range(2, 5):
        time.sleep(NOTICED_SECONDS)
        assert append(writer, number)
    assert numbers(read_spool(spool)) == [2, 3, 4]
    assert [spooled.frame.seq for spooled in read_spool(spool)] == [2, 3, 4]


def test_a_result_misses_a_removed_spool_at_once(tmp_path):
    spool = tmp_path / "spool"
    writer = make_writer(spool)
    for number in range(20):
        assert append(writer, number)
    shutil.rmtree(spool)
    time.sleep(0.003)
    assert append(writer, 20, Kind.RESULT)
    assert numbers(read_spool(spool)) == [20]


def test_a_spool_that_is_removed_while_full_is_made_again(tmp_path):
    spool = tmp_path / "spool"
    writer = make_writer(spool, SMALL)
    fill(writer)
    shutil.rmtree(spool)
    time.sleep(NOTICED_SECONDS)
    wait_for(lambda: append(writer, 7), "the spool to be made again")
    assert numbers(read_spool(spool)) == [7]


def test_a_spool_that_cannot_be_made_again_raises_nothing(tmp_path):
    spool = tmp_path / "spool"
    trouble: list[str] = []
    writer = make_writer(spool, SpoolLimits(full_timeout_seconds=0.1), trouble.append)
    append(writer, 1)
    shutil.rmtree(spool)
    spool.write_text("a file in its place")
    time.sleep(NOTICED_SECONDS)
    assert not append(writer, 2)
    assert not append(writer, 3, Kind.RESULT)
    assert trouble
    assert str(spool) in trouble[0]
    spool.unlink()
    wait_for(lambda: append(writer, 4), "the spool to be made again")
    assert numbers(read_spool(spool)) == [4]


def test_an_error_of_the_disk_is_reported_once_and_not_raised(tmp_path, monkeypatch):
    """Whatever the system says to a write, the algorithm goes on."""
    trouble: list[str] = []
    writer = make_writer(tmp_path, SpoolLimits(full_timeout_seconds=0), trouble.append)
    append(writer, 1)
    real = os.write

    def broken(fd: int, data: bytes) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("dubhe_sdk.spool.writer.os.write", broken)
    assert [append(writer, n, Kind.RESULT) for n in range(3)] == [False] * 3
    monkeypatch.setattr("dubhe_sdk.spool.writer.os.write", real)
    assert append(writer, 2, Kind.RESULT)
    assert numbers(read_spool(tmp_path)) == [1, 2]
    assert dropped_in(tmp_path) == 3
    assert len(trouble) == 1
    assert "Input/output error" in trouble[0]
