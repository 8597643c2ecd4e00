"""Damaged data: what can be delivered is, in order and never twice; the rest is reported.

Every case is checked for these by `Spool.deliver`; the tests add what exactly is lost.
"""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.spool import segment
from tests.dubhe_sdk.spool.helpers import flip_bit, spoil_description
from tests.dubhe_sidecar.damaged_spool import (
    ALL,
    COUNT,
    FRAMES,
    SEGMENTS,
    SIZE,
    Spool,
    copies,
    without,
)

pytestmark = pytest.mark.slow

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
def test_any_flipped_bit_of_a_segments_header_costs_no_message_but_the_versions(
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
        elif offset in dropped:
            assert outcome.seqs["a"] == ALL, offset
            assert not outcome.reported(), offset
        else:  # another segment of the stream has the description
            assert outcome.seqs["a"] == ALL, offset
            assert (outcome.totals.missing, outcome.totals.skipped_bytes) == (0, first), offset
        assert ("count of dropped records" in caplog.text) == (offset in dropped)


def test_a_damaged_header_is_replaced_by_any_other_of_its_stream(spool: Spool) -> None:
    for number in range(1, SEGMENTS):
        spoil_description(spool.path(number))
    headers = 2 * spool.bounds(SEGMENTS)[0]
    outcome = spool.deliver()
    assert outcome.seqs["a"] == ALL
    assert (outcome.totals.missing, outcome.totals.skipped_bytes) == (0, headers)


def test_all_headers_of_a_stream_are_damaged(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whose messages they are, and for which topic, nothing shows any more: they are kept."""
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


FLIP = st.tuples(st.just("flip"), st.integers(1, SEGMENTS), st.integers(0, 900), st.integers(0, 7))
CUT = st.tuples(st.just("cut"), st.integers(1, SEGMENTS), st.integers(0, 900), st.just(0))
ZERO = st.tuples(st.just("zero"), st.integers(1, SEGMENTS), st.integers(0, 900), st.integers(1, 99))
GONE = st.tuples(st.just("gone"), st.integers(1, SEGMENTS), st.just(0), st.just(0))
# Behind the others: a later segment in an earlier one's place makes those between look like
# repeats, which are reported and not delivered, since order goes before.
COPY = st.tuples(
    st.just("copy"), st.integers(1, SEGMENTS), st.integers(SEGMENTS + 1, 9), st.just(0)
)


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
