"""Damaged data: what can be delivered is, in order and never twice; the rest is reported.

Every case is checked for these by `Spool.deliver`; the tests add what exactly is lost.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.spool import frame, segment
from tests.dubhe_sdk.spool.helpers import description, flip_bit, spoil_description
from tests.sidecar.helpers import Place
from tests.sidecar.spoiled import COUNT, FRAMES, SEGMENTS, Spool

ALL = list(range(1, COUNT + 1))
# Bytes of a frame of these spools.
SIZE = frame.OVERHEAD + len(b'{"n":101}')
FIELDS = {
    "magic": range(0, 2),
    "version": range(2, 3),
    "kind": range(3, 4),
    "length": range(4, 8),
    "seq": range(8, 16),
    "time": range(16, 24),
    "date": range(24, 32),
    "batch": range(32, 36),
    "batches": range(36, 40),
    "checksum": range(40, 44),
    "payload": range(44, SIZE),
}


@pytest.fixture(scope="module")
def whole() -> Iterator[Spool]:
    """An undamaged spool, in memory: thousands of copies are made of it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Spool(Path(folder) / "whole")


@pytest.fixture
def spool(whole: Spool) -> Iterator[Spool]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield whole.copy(Path(folder) / "spool")


def copies(whole: Spool) -> Generator[Spool, None, None]:
    """Yield copies for ever; each is gone when the next is asked for."""
    while True:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            yield whole.copy(Path(folder) / "spool")


def without(*seqs: int) -> list[int]:
    return [seq for seq in ALL if seq not in seqs]


def test_an_undamaged_spool_reports_nothing(spool: Spool) -> None:
    outcome = spool.deliver()
    assert outcome.seqs["a"] == ALL
    assert not outcome.reported()
    assert os.listdir(spool.folder).count(segment.file_name("a", 1)) == 0


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("seq", [1, 6, 12], ids=["first", "middle", "last"])
def test_any_flipped_bit_of_a_frame_costs_that_frame(whole: Spool, field: str, seq: int) -> None:
    number, index = (seq - 1) // FRAMES + 1, (seq - 1) % FRAMES
    begin = whole.bounds(number)[index]
    for (offset, bit), spool in zip(
        ((offset, bit) for offset in FIELDS[field] for bit in range(8)), copies(whole), strict=False
    ):
        flip_bit(spool.path(number), begin + offset, bit)
        outcome = spool.deliver()
        assert outcome.seqs["a"] == without(seq), (offset, bit)
        assert outcome.totals.skipped_bytes == SIZE
        # Behind the last one no number proves that it was there; its bytes do.
        assert outcome.totals.missing == (seq != COUNT)


@pytest.mark.parametrize("number", range(1, SEGMENTS + 1))
def test_any_flipped_bit_of_a_segments_header_costs_nothing_or_is_told(
    whole: Spool, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    first = whole.bounds(number)[0]
    version = len(segment.MAGIC) - 1
    dropped = range(segment.DROPPED_OFFSET, segment.DROPPED_OFFSET + 8)
    for offset, spool in zip(range(first), copies(whole), strict=False):
        caplog.clear()
        flip_bit(spool.path(number), offset, offset * 5 % 8)
        outcome = spool.deliver()
        assert outcome.status is not None
        if offset == version:
            # It may be another format, so it is not touched.
            assert outcome.seqs.get("a", []) == ALL[: FRAMES * (number - 1)]
            assert "another version" in outcome.status.unreadable[0]
            assert "another version" in caplog.text
            assert spool.path(number).exists()
        else:
            assert outcome.seqs["a"] == ALL, offset
            assert not outcome.reported(), offset
        assert ("dropped while" in caplog.text) == (offset in dropped)


def test_a_header_beyond_repair_is_replaced_by_any_other_of_its_stream(spool: Spool) -> None:
    for number in range(1, SEGMENTS):
        spoil_description(spool.path(number))
    headers = 2 * spool.bounds(SEGMENTS)[0]
    outcome = spool.deliver()
    assert outcome.seqs["a"] == ALL
    assert (outcome.totals.missing, outcome.totals.skipped_bytes) == (0, headers)


def test_all_headers_of_a_stream_beyond_repair(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whose messages they are, and for which topic, nothing tells any more: they are kept."""
    for number in range(1, SEGMENTS + 1):
        spoil_description(spool.path(number))
    outcome = spool.deliver()
    assert outcome.status is not None
    assert "a" not in outcome.seqs
    assert "checksum" in outcome.status.unreadable[0]
    assert "its files are kept" in caplog.text
    assert all(spool.path(number).exists() for number in range(1, SEGMENTS + 1))


@pytest.mark.parametrize("number", range(1, SEGMENTS + 1))
def test_truncated_at_every_byte(whole: Spool, number: int) -> None:
    bounds = whole.bounds(number)
    before, behind = ALL[: FRAMES * (number - 1)], ALL[FRAMES * number :]
    for size, spool in zip(range(bounds[-1]), copies(whole), strict=False):
        os.truncate(spool.path(number), size)
        outcome = spool.deliver()
        left = max(0, sum(bound <= size for bound in bounds) - 1)
        kept = before + ALL[FRAMES * (number - 1) :][:left] + behind
        assert outcome.seqs.get("a", []) == kept, size
        lost = COUNT - len(kept)
        assert outcome.totals.missing == (lost if behind else 0)
        torn = size - max([0, *(bound for bound in bounds if bound <= size)])
        assert outcome.totals.skipped_bytes == torn
        # Only where it ends with a frame, at the very end of the stream, can nobody know.
        assert outcome.reported() or size in bounds or (number == SEGMENTS and size == 0)


@pytest.mark.parametrize("size", [1, 43, 44, 4096, 600 * 1024])
def test_a_zero_filled_tail(spool: Spool, size: int) -> None:
    with spool.path(SEGMENTS).open("ab") as file:
        file.write(bytes(size))
    outcome = spool.deliver()
    assert outcome.seqs["a"] == ALL
    assert outcome.totals.skipped_bytes == size
    assert outcome.totals.missing == 0


def test_zeros_in_place_of_frames(spool: Spool) -> None:
    """A block that was never written, in the middle of a file that grew beyond it."""
    bounds = spool.bounds(2)
    with spool.path(2).open("r+b") as file:
        file.seek(bounds[1])
        file.write(bytes(bounds[3] - bounds[1]))
    outcome = spool.deliver()
    assert outcome.seqs["a"] == without(6, 7)
    assert (outcome.totals.missing, outcome.totals.skipped_bytes) == (2, 2 * SIZE)


@pytest.mark.parametrize("gone", [{1}, {2}, {1, 2}, {3}, {2, 3}], ids=str)
def test_a_hole_in_the_numbers_of_segments_is_reported(
    spool: Spool, gone: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    for number in gone:
        spool.path(number).unlink()
    outcome = spool.deliver()
    kept = [seq for seq in ALL if (seq - 1) // FRAMES + 1 not in gone]
    assert outcome.seqs["a"] == kept
    provable = [seq for seq in ALL if seq not in kept and seq < kept[-1]]
    assert outcome.totals.missing == len(provable)
    assert ("are missing in the spool" in caplog.text) == bool(provable)


def test_a_copy_of_a_segment_is_not_delivered_again(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """By hand, or by a backup that was put back: under a later number, or another name."""
    shutil.copy(spool.path(1), spool.path(SEGMENTS + 1))
    shutil.copy(spool.path(2), spool.path(2, "c"))
    outcome = spool.deliver()
    assert outcome.status is not None
    assert outcome.seqs["a"] == ALL
    assert "c" not in outcome.seqs
    assert "segment of stream a, copied or renamed" in outcome.status.unreadable[0]
    assert outcome.totals.skipped_bytes == FRAMES * SIZE
    assert "damaged bytes in stream a were skipped" in caplog.text


@pytest.mark.parametrize("magic", [b"DUBHESG0", b"DUBHESG2", b"DUBHESGA"])
def test_a_spool_of_another_version_is_kept_and_told(
    spool: Spool, magic: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    contents = magic + spool.path(1).read_bytes()[8:]
    spool.path(1, "other").write_bytes(contents)
    outcome = spool.deliver()
    assert outcome.status is not None
    assert outcome.seqs["a"] == ALL
    assert "other" not in outcome.seqs
    assert spool.path(1, "other").read_bytes() == contents
    assert repr(magic) in outcome.status.unreadable[0]
    assert "another version" in caplog.text


def test_a_description_with_more_or_less_in_it_is_kept_and_told(spool: Spool) -> None:
    text = description("other").encode()[segment.PREFIX.size :]
    for name, changed in {
        "more": text.replace(b'"pid"', b'"colour": 1, "pid"'),
        "less": text.replace(b'"service": "service-1", ', b""),
    }.items():
        assert changed != text
        header = segment.PREFIX.pack(segment.MAGIC, bytes(8), len(changed), segment.crc32(changed))
        spool.path(1, name).write_bytes(header + changed)
    outcome = spool.deliver()
    assert outcome.status is not None
    assert outcome.seqs["a"] == ALL
    assert [line.split(":")[0] for line in outcome.status.unreadable] == ["less", "more"]
    assert all("not understood" in line for line in outcome.status.unreadable)


def test_foreign_things_hold_up_neither_sidecar_nor_status(whole: Spool, place: Place) -> None:
    """Real processes, since what could go wrong is that one waits for ever: a FIFO does that."""
    shutil.rmtree(place.spool)
    spool = whole.copy(place.spool)
    spool.path(1, "folder").mkdir()
    spool.path(1, "link").symlink_to(spool.path(1))
    spool.path(1, "dangling").symlink_to("nowhere")
    os.mkfifo(spool.path(1, "pipe"))
    os.mkfifo(spool.folder / ".pipe.00000001.seg.new")
    os.mkfifo(spool.folder / "other.seg")
    spool.path(1, "text").write_text("a file of somebody's own\n" * 99)
    (spool.folder / "notes.txt").write_text("not ours")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(spool.path(1, "socket")))
        place.drain()
        done = place.dubhe("status", "--json")
        place.drain()
    assert len(place.values) == COUNT + FRAMES
    for name in ("folder", "link", "dangling", "pipe", "socket", "text"):
        assert f"{name}.00000001.seg" in place.log_text or f"stream {name} " in place.log_text
        assert f'"{name}' in done.stdout
        assert os.path.lexists(spool.path(1, name))
    assert done.returncode == 1
    assert "Traceback" not in place.log_text


def test_what_a_power_cut_leaves_of_a_new_segment_is_cleared_away(
    whole: Spool, place: Place
) -> None:
    """Nothing but zeros, or nothing at all, under a name: no stream to be unreadable for ever."""
    shutil.rmtree(place.spool)
    spool = whole.copy(place.spool)
    spool.path(1, "empty").write_bytes(b"")
    spool.path(1, "zeros").write_bytes(bytes(100_000))
    spool.path(SEGMENTS + 1).write_bytes(bytes(5000))
    place.drain()
    assert len(place.values) == COUNT + FRAMES
    assert place.dubhe("status").returncode == 0
    assert place.log_text.count("held nothing but zeros") == 3


FLIP = st.tuples(st.just("flip"), st.integers(1, SEGMENTS), st.integers(0, 900), st.integers(0, 7))
CUT = st.tuples(st.just("cut"), st.integers(1, SEGMENTS), st.integers(0, 900), st.just(0))
ZERO = st.tuples(st.just("zero"), st.integers(1, SEGMENTS), st.integers(0, 900), st.integers(1, 99))
GONE = st.tuples(st.just("gone"), st.integers(1, SEGMENTS), st.just(0), st.just(0))
COPY = st.tuples(st.just("copy"), st.integers(1, SEGMENTS), st.integers(1, 9), st.just(0))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(FLIP, FLIP, CUT, ZERO, GONE, COPY), min_size=1, max_size=6))
def test_any_mixture_of_damage(whole: Spool, damages: list[tuple[str, int, int, int]]) -> None:
    """`Spool.deliver` checks that it ends, and that nothing comes twice or out of order."""
    pool = copies(whole)
    spool = next(pool)
    untouched = set(range(1, SEGMENTS + 1))
    for what, number, at, how in damages:
        path = spool.path(number)
        if not path.exists():
            continue
        size = path.stat().st_size
        if what == "copy":
            if not spool.path(at).exists():
                shutil.copy(path, spool.path(at))
            continue
        untouched.discard(number)
        if what == "flip" and at < size:
            flip_bit(path, at, how)
        elif what == "cut" and at < size:
            os.truncate(path, at)
        elif what == "zero" and at < size:
            with path.open("r+b") as file:
                file.seek(at)
                file.write(bytes(min(how, size - at)))
        elif what == "gone":
            path.unlink()
    outcome = spool.deliver()
    got = outcome.seqs.get("a", [])
    if got:
        for number in untouched:
            lost = [seq for seq in ALL[FRAMES * (number - 1) : FRAMES * number] if seq not in got]
            # A segment of another version holds the rest of its stream: it may be understood later.
            assert not lost or outcome.status is None or outcome.status.unreadable
    else:
        assert outcome.reported() or not list(spool.folder.glob("a.*"))
    pool.close()
